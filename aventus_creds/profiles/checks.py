"""Checks one profile of profiles.toml: first each value on its own, then the values in combination."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from aventus_creds.basics.places import expand
from aventus_creds.profiles.callbacks import CALLBACKS, DEFAULT_CALLBACK
from aventus_creds.profiles.grants import DEFAULT_GRANT, DEFAULT_GRANT_WITH_SECRET, GRANTS, Grant
from aventus_creds.profiles.keys import KEYS, PLACEHOLDERS, keys_for
from aventus_creds.profiles.kinds import InvalidItems, any_of
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import DEFAULT_PROVIDER, PROVIDERS, ClientAuth, Provider
from aventus_creds.profiles.redirects import redirect_mistakes
from aventus_creds.profiles.rules import filled, literal_origins, mistakes, rules
from aventus_creds.profiles.secrets import SecretRef

if TYPE_CHECKING:
    from aventus_creds.profiles.machine import Machine

TOP_KEYS: Final = ("default", "include", "include_origins", "defaults", "store", "profiles")
"""The keys at the top of the file."""

ENDPOINTS: Final = ("authorize_url", "token_url", "revoke_url", "device_url", "par_url")
NAME_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")

NAME_RULE: Final = "the name may hold letters, digits, '.', '_' and '-', at most 64 of them"

Mistake = tuple[tuple[str, ...], str]
"""The path of the key within the profile, or () for the profile as a whole; and what is wrong."""


def check_profile(
    name: str, table: Any, *, folder: Path | None = None
) -> tuple[dict[str, Any], list[Mistake]]:
    """Check one profile and apply the defaults.

    Args:
        name: the name of the profile.
        table: the profile as parsed from TOML. It may have any type; anything but a table is a mistake.
        folder: the folder that relative paths start from. None means the current folder.

    Returns:
        The fields for ``Profile`` and every mistake found. If there are mistakes, ignore the fields.
    """
    if not isinstance(table, dict):
        return {}, [((), f"must be a table: write [profiles.{fit_to_show(name)}]")]
    check = _Check(name, table)
    return check.profile(folder), check.mistakes


class _Check:
    """Reads the values of one profile and collects every mistake."""

    def __init__(self, name: str, table: Mapping[str, Any]) -> None:
        self.name = name
        self.mistakes: list[Mistake] = []
        self.values: dict[str, Any] = {}
        self.given = table
        self.known = keys_for(table)
        if not is_name(name):
            self.mistakes.append(((), NAME_RULE))
        for key, value in table.items():
            if key not in self.known:
                from aventus_creds.profiles.advice import unknown_key  # most keys are known

                self.wrong(key, unknown_key(key, self.known, value, profile=name))
                continue
            try:
                self.values[key] = self.known[key].kind.check(value)
            except InvalidItems as several:
                self.mistakes += [((key, item), what) for item, what in several.mistakes]
            except ValueError as what:
                self.wrong(key, str(what))

    def wrong(self, key: str, what: str) -> None:
        self.mistakes.append(((key,), what))

    def require(self, key: str, why: str) -> None:
        if key not in self.given:
            self.wrong(key, f"missing; {why}")

    def profile(self, folder: Path | None) -> dict[str, Any]:
        """Apply the defaults and check combinations of keys. Return an empty dict if there are mistakes."""
        get = self.values.get
        secret: SecretRef | None = get("client_secret")
        grant = GRANTS[get("grant") or (DEFAULT_GRANT_WITH_SECRET if self._credentials() else DEFAULT_GRANT)]
        if grant.client == "required":
            self.require("client_id", "the identifier that the provider gave to this client")
        provider = self._provider(grant)
        self._check_secret(grant)
        machine = self._machine(grant, folder)
        ca_bundle = self._ca_bundle(folder)
        self._check_redirect(provider)
        if provider is None:
            return {}
        self._check_grant(provider, grant)
        self._check_placeholders(provider)
        self._check_named(provider, grant)
        redirect_uris = get("redirect_uri") or (
            self._default_redirect_uris(provider) if grant.redirects else ()
        )
        self.mistakes += [((key,), what) for key, what in mistakes(self.given, self.values, provider, grant)]
        places = self._places(provider)
        scope = get("scope", self._default_scope(provider, grant).format_map(places))
        authorize_params = self._authorize_params(provider, {**places, "scope": scope})
        audience = get("audience", "")
        api_url = get("api_url") or (audience if _is_url(audience) else filled(provider.api_url, places))
        if self.mistakes:
            return {}
        brought: SecretRef | None = get("refresh_token")
        if secret and folder:
            secret = secret.relative_to(folder)
        if brought:
            brought = brought.called("refresh token").relative_to(folder or Path())
        # Keys that need no computing are copied. If one is missing, the default of Profile's field applies.
        plain = {key: value for key, value in self.values.items() if key in Profile._fields}
        computed = dict(
            name=self.name,
            provider=provider,
            client_id=get("client_id", ""),
            grant=grant.name,
            client_secret=secret,
            refresh_token=brought,
            **{key: get(key) or getattr(provider, key).format_map(places) for key in ENDPOINTS},
            **self._discovery(provider, places),
            **rules(self.values, provider, grant, places),
            scope=scope,
            audience=audience or provider.audience,
            api_url=api_url,
            api_origins=tuple(dict.fromkeys((*literal_origins(api_url), *get("api_origins", ())))),
            redirect_uris=redirect_uris,
            authorize_params=authorize_params,
            token_request=get("token_request", provider.token_request),
            client_auth=self._client_auth(provider, grant),
            pkce=get("pkce", True) or grant.client_secret == "forbidden",
            ca_bundle=ca_bundle,
            store=None,
            machine=machine,
        )
        return plain | computed

    def _provider(self, grant: Grant) -> Provider | None:
        if "provider" not in self.given:
            if (
                grant.client != "none"
                and not {"issuer", "discovery_url", "authorize_url", "token_url"} & self.given.keys()
            ):
                self.wrong("provider", f"missing; one of {', '.join(PROVIDERS)}, or give the issuer")
                return None
            return PROVIDERS[DEFAULT_PROVIDER]
        return PROVIDERS[self.values["provider"]] if "provider" in self.values else None

    def _default_scope(self, provider: Provider, grant: Grant) -> str:
        # The provider's default scope is for logins by users. A plain OAuth 2.0 server, configured by its
        # endpoints only, may not know the scope openid.
        named = not provider.generic or self.given.keys() & {"issuer", "discovery_url"}
        return provider.scope if grant.attended and named else ""

    def _credentials(self) -> list[str]:
        """Return the keys of the profile by which its client proves who it is."""
        if self.known is KEYS:
            return ["client_secret"] if "client_secret" in self.given else []
        from aventus_creds.profiles.client_auths import CREDENTIALS  # most clients have a secret or none

        return [key for key in CREDENTIALS if key in self.given]

    def _client_auth(self, provider: Provider, grant: Grant) -> ClientAuth | None:
        """Return how the client authenticates, or None where the discovery document decides."""
        if named := self.values.get("client_auth"):
            return cast("ClientAuth", named)
        if provider.client_auth is None:
            return None
        if self.known is KEYS:
            return provider.client_auth
        from aventus_creds.profiles.client_auths import candidates  # most clients have a secret or none

        possible = [row.name for row in candidates(self._credentials(), signs=grant.signs)]
        return possible[0] if possible and provider.client_auth not in possible else provider.client_auth

    def _check_secret(self, grant: Grant) -> None:
        credentials = self._credentials()
        if credentials and grant.client_secret == "forbidden":
            self.wrong(
                "grant",
                f"{grant.name} is for clients without a secret; remove {any_of(credentials, 'and')}, or write"
                f' grant = "{DEFAULT_GRANT_WITH_SECRET}"',
            )
        if grant.client_secret == "required" and not credentials:
            self.require("client_secret", f"the {grant.name} grant needs it")
        if self.values.get("pkce") is False and grant.client_secret == "forbidden":
            self.wrong(
                "pkce", "must not be false without a client_secret: PKCE is what protects such a login"
            )

    def _machine(self, grant: Grant, folder: Path | None) -> Machine | None:
        named = grant.needs or grant.needs_one or "client_auth" in self.given
        if self.known is KEYS and not named:
            return None
        from aventus_creds.profiles.machine_checks import check_machine  # most profiles need none

        machine, mistakes = check_machine(self.values, self.given, grant, folder)
        self.mistakes += mistakes
        return machine

    def _check_grant(self, provider: Provider, grant: Grant) -> None:
        if provider.grants and grant.name not in provider.grants:
            self.wrong(
                "grant",
                f"{provider.title} does not document {grant.name}, but {any_of(provider.grants, 'and')}",
            )

        if provider.exchange_grant_type and grant.takes:
            for key in {*grant.takes, "audience"} & self.given.keys():
                self.wrong(key, f"{provider.title} does not take it: leave it out")

    def _check_named(self, provider: Provider, grant: Grant) -> None:
        """Check who names the server: the profile for a generic provider, otherwise the provider's row."""
        if not provider.generic:
            if "issuer" in self.given:
                by = any_of(provider.placeholders, "and") if provider.placeholders else "this name alone"
                self.wrong("issuer", f"is for {DEFAULT_PROVIDER}; {provider.title} is found by {by}")
        elif not self.given.keys() & {"issuer", "discovery_url"}:
            for key in grant.endpoints:
                self.require(key, f"give the issuer, or {' and '.join(grant.endpoints)}")

    def _check_placeholders(self, provider: Provider) -> None:
        for key, default in provider.placeholders.items():
            if not default:
                self.require(key, f"{provider.title} needs {PLACEHOLDERS[key].doc}")
        for key in PLACEHOLDERS.keys() & self.given.keys() - provider.placeholders.keys():
            users = any_of(row.name for row in PROVIDERS.values() if key in row.placeholders)
            self.wrong(key, f"is for provider = {users}, not for {provider.title}")

    def _places(self, provider: Provider) -> dict[str, str]:
        """Return what fills the templates of the provider's row."""
        return {
            "client_id": self.values.get("client_id", ""),
            **{
                key: str(self.values.get(key, default)).rstrip("/")
                for key, default in provider.placeholders.items()
            },
        }

    def _authorize_params(self, provider: Provider, places: Mapping[str, str]) -> dict[str, Any]:
        """Return the row's parameters and the profile's, which go first where nothing in the row fills them."""
        own = self.values.get("authorize_params", {})
        for name, template in provider.authorize_params.items():
            if name in own and (filled := [key for key in places if f"{{{key}}}" in template]):
                self.wrong("authorize_params", f"{name} is made from {any_of(filled, 'and')}: leave it out")
        return {
            **{name: text.format_map(places) for name, text in provider.authorize_params.items()},
            **own,
        }

    def _discovery(self, provider: Provider, places: Mapping[str, str]) -> dict[str, Any]:
        """Return where the row's document is, and the endpoints that it may replace: none of the profile's own."""
        own = {key for key in ENDPOINTS if self.values.get(key)}
        if not provider.issuer or {"authorize_url", "token_url"} <= own:
            return {}
        issuer = provider.issuer.format_map(places)
        if not provider.token_url:  # nothing else is known, so it is as an issuer in the profile
            return {"issuer": issuer}
        return {
            "row_issuer": issuer,
            "row_endpoints": tuple(key for key in ENDPOINTS if key not in own),
        }

    def _check_redirect(self, provider: Provider | None) -> None:
        way = CALLBACKS[self.values.get("callback", DEFAULT_CALLBACK)]
        for what in redirect_mistakes(
            self.values.get("redirect_uri", ()), way, provider, listen="listen" in self.given
        ):
            self.wrong("redirect_uri", what)

    def _default_redirect_uris(self, provider: Provider) -> tuple[str, ...]:
        if not provider.redirect_uri:
            self.require(
                "redirect_uri",
                f"the callback registered at {provider.title} for this client,"
                f" for example http://127.0.0.1:8765/callback/{provider.name}",
            )
            return ()
        if "listen" in self.given:
            self.require("redirect_uri", "listen is for a public address that is forwarded here")
        return (provider.redirect_uri,)

    def _ca_bundle(self, folder: Path | None) -> str:
        if "ca_bundle" not in self.values:
            return ""
        path = (folder or Path()) / expand(self.values["ca_bundle"])
        try:
            path.stat()
        except OSError as fault:
            self.wrong("ca_bundle", f"names {path}, which cannot be read: {fault.strerror or fault}")
        return str(path)


def _is_url(text: str) -> bool:
    try:
        KEYS["api_url"].kind.check(text)
    except ValueError:
        return False
    return True


def is_name(name: str) -> bool:
    """Whether a profile may have this name. It needs no quotes in a shell, and is safe in a path."""
    return 0 < len(name) <= 64 and NAME_CHARACTERS.issuperset(name)


def fit_to_show(key: str) -> str:
    """Return ``key`` unchanged, or quoted if it contains characters that control a terminal.

    The one way to print what somebody has called a profile or a key.
    """
    return key if key.isprintable() else repr(key)
