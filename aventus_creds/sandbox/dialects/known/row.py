"""Makes a row for a server at its own addresses, with the clients that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aventus_creds.sandbox.dialects.dialect import (
    CLIENT_CREDENTIALS,
    CODE,
    DEVICE,
    REFRESH,
    ClientAuth,
    ClientRow,
    Dialect,
)


def server(  # noqa: PLR0913 - what most rows say
    name: str,
    *,
    scopes: str,
    public: bool = False,
    secret: str = "",
    machine: str = "",
    redirect: str = "",
    profile: Mapping[str, str] = {},
    issuer: str = "",
    device: str = "",
    **more: Any,
) -> Dialect:
    """Return a public dialect.

    Args:
        name: the provider that a profile names.
        scopes: those that it knows, with spaces between them.
        public: whether it has clients without a secret.
        secret: how a client with a secret authenticates: post or basic. Empty: there is none.
        machine: the same, for a client that logs in as itself.
        redirect: what is registered. Empty: nothing yet, see ``Sandbox.register``.
        profile: further keys of a profile.
        issuer: its path with the host, if it has a discovery document.
        device: the path of the device authorization endpoint. Every client may use it.
        more: the other fields of ``Dialect``.
    """

    def client(kind: str, auth: ClientAuth, *grants: str) -> ClientRow:
        return ClientRow(
            f"{name}-{kind}",
            f"{name}-{kind}",
            "",
            grants,
            auth,
            "" if auth == "none" else f"secret of {name}: 50%25/+=",
            (redirect,) if redirect else (),
            in_demo=False,
        )

    grants = (CODE, REFRESH, *((DEVICE,) if device else ()))
    clients = (
        *((client("public", "none", *grants),) if public else ()),
        *((client("web", _AUTH[secret], *grants),) if secret else ()),
        *((client("machine", _AUTH[machine], CLIENT_CREDENTIALS),) if machine else ()),
    )
    fields: dict[str, Any] = {
        "name": name,
        "title": name,
        "base": issuer.rstrip("/"),
        "issuer_suffix": "/" if issuer.endswith("/") else "",
        "authorize": "",
        "revoke": "",
        "jwks": "",
        "scopes": tuple(scopes.split()),
        "clients": clients,
        "profile": {"provider": name, **profile},
        "device": device,
        "public": True,
        "audiences": ("urn:api",),
    }
    return Dialect(**fields | more)


_AUTH: Mapping[str, ClientAuth] = {"post": "client_secret_post", "basic": "client_secret_basic"}
