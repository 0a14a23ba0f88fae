"""The discovery document of a dialect (OpenID Connect Discovery section 3, RFC 8414 section 2)."""

from __future__ import annotations

from typing import Any

from aventus_creds.sandbox.dialects import Dialect
from aventus_creds.sandbox.proofs import ALGORITHMS

OPENID_PATH = "/.well-known/openid-configuration"
OAUTH_PATH = "/.well-known/oauth-authorization-server"


def document(dialect: Dialect, url: str) -> dict[str, Any]:
    """Return the metadata of ``dialect`` in the sandbox at ``url``. Endpoints that it lacks are left out."""
    endpoints = {
        "authorization_endpoint": dialect.authorize,
        "token_endpoint": dialect.token,
        "jwks_uri": dialect.jwks,
        "revocation_endpoint": dialect.revoke,
        "device_authorization_endpoint": dialect.device,
        "userinfo_endpoint": dialect.userinfo,
        "pushed_authorization_request_endpoint": dialect.par,
    }
    return {
        "issuer": dialect.issuer(url),
        **{name: dialect.address(url, path) for name, path in endpoints.items() if path},
        "scopes_supported": list(dialect.scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": sorted({grant for client in dialect.clients for grant in client.grants}),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": sorted(
            {client.auth for client in dialect.clients} - {"federated"}
        ),
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "HS256", "PS256", "RS256"],
        "code_challenge_methods_supported": ["S256"],
        **({"dpop_signing_alg_values_supported": ALGORITHMS} if not dialect.public else {}),
        **({"authorization_response_iss_parameter_supported": True} if dialect.sends_issuer else {}),
    }
