// A certified OpenID Connect server, configured to test an OAuth client against. It keeps everything in memory,
// needs no network, and ends on SIGTERM or as soon as its stdin closes, so a killed test run leaves no orphan.
//
// stdout is one JSON object per line; the first is {"event": "listening", "port", "resource", "secrets"}.
// Environment: PORT (0, a free one), ACCESS_TOKEN_TTL (60, seconds), CLIENTS (more clients, as JSON), MACHINE (JSON:
// clients with a key or a certificate, "clients" as they are registered and "tls" as for node:tls, whose port asks for
// certificates).

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

console.info = () => {}; // "you SHOULD change" and "unsupported runtime": true of production servers only
console.warn = () => {};
const { Provider, errors } = await import('oidc-provider');

const RESOURCE = 'https://api.example.com/';
const ACCESS_TOKEN_TTL = Number(process.env.ACCESS_TOKEN_TTL ?? 60);
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const MACHINE = JSON.parse(process.env.MACHINE ?? '{"clients": []}');
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// ---------------------------------------------------------------------------------------------- clients

const login = {
  application_type: 'native', // RFC 8252 section 7.3: any port of the loopback interface
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
};
const withoutBrowser = { redirect_uris: [], response_types: [] };

const clients = [
  { ...login, client_id: 'native', token_endpoint_auth_method: 'none' },
  {
    ...login,
    client_id: 'web:basic', // RFC 6749 section 2.3.1: id and secret are form-encoded before they meet the colon
    client_secret: 's3cret/with:odd%chars+&=',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  {
    ...login,
    client_id: 'web-post',
    client_secret: 'p0st/with:odd%chars+&=',
    token_endpoint_auth_method: 'client_secret_post',
  },
  {
    ...withoutBrowser,
    client_id: 'service',
    client_secret: 'service-secret',
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
  },
  {
    ...withoutBrowser,
    client_id: 'device',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: [DEVICE_GRANT, 'refresh_token'],
  },
  ...MACHINE.clients.map((client) => (client.redirect_uris ? client : { ...withoutBrowser, ...client })),
  ...JSON.parse(process.env.CLIENTS ?? '[]'),
];

// ------------------------------------------------------------------------------------------------ pages

const escaped = (text) => String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const page = (title, body) => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title></head>
<body><h1>${escaped(title)}</h1>${body}</body></html>`;

const buttons = (form) => `<button type="submit" form="${form}">Continue</button>
<button type="submit" form="${form}" name="abort" value="yes" formnovalidate>Refuse</button>`;

const interactionPage = ({ uid, prompt, params }) => page(
  prompt.name === 'login' ? 'Log in' : 'Allow access',
  `<p>${escaped(params.client_id)} asks for: ${escaped(params.scope ?? 'nothing')}</p>
<form id="interaction" method="post" action="/interaction/${escaped(uid)}">
${prompt.name === 'login' ? '<input type="text" name="login" value="alice" required>' : ''}
</form>${buttons('interaction')}`,
);

// --------------------------------------------------------------------------------- what the person does

async function grantEverything({ grantId, prompt: { details }, session, params }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '));
  if (details.missingOIDCClaims) grant.addOIDCClaims(details.missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return grant.save();
}

// The first class that is asked for and that a login here can have (RFC 9470).
const CLASSES = ['gold', 'silver'];
const classOf = (params) => params.acr_values?.split(' ').find((name) => CLASSES.includes(name));

async function resultOf(interaction, form) {
  if (form.has('abort')) {
    return { error: 'access_denied', error_description: 'the person refused' };
  }
  return interaction.prompt.name === 'login'
    ? { login: { accountId: form.get('login') || 'alice', acr: classOf(interaction.params) } }
    : { consent: { grantId: await grantEverything(interaction) } };
}

async function interact(request, response) {
  const interaction = await provider.interactionDetails(request, response);
  if (request.method === 'POST') {
    const body = (await request.toArray()).join('');
    await provider.interactionFinished(
      request,
      response,
      await resultOf(interaction, new URLSearchParams(body)),
      { mergeWithLastSubmission: interaction.prompt.name === 'consent' },
    );
  } else {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(interactionPage(interaction));
  }
}

// ----------------------------------------------------------------------------------------------- server

const server = createServer();
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

// Clients with a certificate come here (RFC 8705). Whose it is, is looked at by the provider, not by TLS.
const secure = MACHINE.tls
  ? createSecureServer({ ...MACHINE.tls, requestCert: true, rejectUnauthorized: false })
  : undefined;
if (secure) {
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
}
const aliases = () => {
  const base = `https://127.0.0.1:${secure.address().port}`;
  return { token_endpoint: `${base}/token`, revocation_endpoint: `${base}/token/revocation` };
};
const certificateOf = (ctx) => {
  const certificate = ctx.req.socket.getPeerX509Certificate?.();
  return certificate?.toString();
};

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'test', alg: 'RS256', use: 'sig' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  acrValues: CLASSES,
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  clockTolerance: 0, // a token of two seconds lives two seconds
  pkce: { required: () => true },
  clientAuthMethods: [
    'none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt',
    'tls_client_auth', 'self_signed_tls_client_auth',
  ],
  enabledJWA: { clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] },
  ...(secure ? { discovery: { mtls_endpoint_aliases: aliases() } } : {}),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: ACCESS_TOKEN_TTL,
    ClientCredentials: ACCESS_TOKEN_TTL,
    AuthorizationCode: 60,
    DeviceCode: 600,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 86400,
    Session: 86400,
  },
  findAccount: (_ctx, accountId) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      name: accountId,
      email: `${accountId}@example.com`,
      email_verified: true,
    }),
  }),
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  renderError: (ctx, { error, error_description: description }) => {
    ctx.type = 'html';
    ctx.body = page('Error', `<p>${escaped(error)}: ${escaped(description)}</p>`);
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      tlsClientAuth: true,
      getCertificate: certificateOf,
      certificateAuthorized: (ctx) => ctx.req.socket.authorized === true,
      certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
        && ctx.req.socket.getPeerX509Certificate().checkHost(expected) !== undefined,
    },
    deviceFlow: {
      enabled: true,
      userCodeInputSource: (ctx, form, _out, error) => {
        ctx.body = error
          ? page('Device refused', `<p>${escaped(error.name)}: ${escaped(error.message)}</p>`)
          : page('Enter the code', `${form}${buttons('op.deviceInputForm')}`);
      },
      userCodeConfirmSource: (ctx, form, _client, _info, userCode) => {
        ctx.body = page('Is this your device?', `<p>${escaped(userCode)}</p>${form}${buttons('op.deviceConfirmForm')}`);
      },
      successSource: (ctx) => {
        ctx.body = page('Device approved', '<p>Go back to the device.</p>');
      },
    },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => {
        if (resource !== RESOURCE) throw new errors.InvalidTarget();
        return {
          audience: RESOURCE,
          scope: 'read write',
          accessTokenFormat: 'jwt',
          accessTokenTTL: ACCESS_TOKEN_TTL,
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
  },
});

// A grant of its own (RFC 8693): a person's access token for one of the client that asks.
provider.registerGrantType(EXCHANGE, async (ctx) => {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('unsupported subject_token_type');
  const subject = await provider.AccessToken.find(params.subject_token);
  if (!subject) throw new errors.InvalidGrant('the subject_token is not known');
  const token = new provider.AccessToken({
    accountId: subject.accountId, client, grantId: subject.grantId, gty: EXCHANGE, scope: 'openid',
  });
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: params.requested_token_type === 'urn:example:odd' ? 'urn:example:other' : ACCESS_TOKEN,
    token_type: 'Bearer',
    expires_in: token.expiration,
  };
}, ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope']);

// ------------------------------------------------------------------------------------------- event log

// The server takes a secret from the header and from the body alike, whichever the client is registered for.
function clientAuth(ctx) {
  if (/^basic /i.test(ctx?.headers?.authorization)) return 'basic';
  if (ctx?.oidc?.body?.client_assertion) return 'assertion';
  return ctx?.oidc?.body?.client_secret ? 'post' : '';
}

const log = (event, ctx, error) => say({
  event,
  client_id: ctx?.oidc?.client?.clientId ?? '',
  client_auth: clientAuth(ctx),
  grant_type: ctx?.oidc?.params?.grant_type ?? '',
  error: error?.error ?? error?.message ?? '',
  error_description: error?.error_description ?? '',
  error_detail: error?.error_detail ?? error?.cause?.message ?? '', // what the client is not told
});

for (const event of ['grant.success', 'device_authorization.success', 'authorization.success', 'grant.revoked']) {
  provider.on(event, (ctx) => log(event, ctx));
}
for (const event of [
  'authorization.error',
  'device_authorization.error',
  'grant.error',
  'introspection.error',
  'pushed_authorization_request.error',
  'revocation.error',
  'server_error',
  'userinfo.error',
]) {
  provider.on(event, (ctx, error) => {
    log(event, ctx, error);
    if (event === 'server_error') console.error(error);
  });
}
for (const event of ['issued', 'saved', 'consumed', 'destroyed']) {
  for (const kind of ['access_token', 'client_credentials', 'refresh_token']) {
    provider.on(`${kind}.${event}`, ({ clientId }) => {
      log(`${kind}.${event}`, { oidc: { client: { clientId } } });
    });
  }
}

const answer = provider.callback();
secure?.on('request', answer);
server.on('request', (request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    answer(request, response);
    return;
  }
  interact(request, response).catch((error) => {
    log('interaction.error', undefined, error);
    response.statusCode = 400;
    response.end(`${error.name}: ${error.message}`);
  });
});

process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();

say({
  event: 'listening',
  port,
  resource: RESOURCE,
  secrets: Object.fromEntries(clients.map((client) => [client.client_id, client.client_secret ?? ''])),
});
