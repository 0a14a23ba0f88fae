"""Profiles, logins and cached OAuth 2.0 tokens behind one call.

    from aventus_creds import get_session

    session = get_session("prod")          # a requests.Session, already authorised
    session.get("/v1/contacts").json()

Importing this package is cheap: each name is loaded when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = (
    __name__ == ""
)  # as typing's own, which takes longer to load than this file; jedi looks at both cases
if TYPE_CHECKING:
    from typing import Any

    from aventus_creds.calls import get_session, get_token, login, logout
    from aventus_creds.client_calls import (
        async_token_provider,
        get_async_client,
        get_auth,
        get_client,
        token_provider,
    )
    from aventus_creds.errors import (
        AventusCredsError,
        ConfigError,
        LoginError,
        LoginRequired,
        NetworkError,
        SecretError,
        ServerError,
        StoreError,
    )
    from aventus_creds.notebook.panel import LoginButton
    from aventus_creds.session.bearer import BearerAuth
    from aventus_creds.session.session import ApiSession
    from aventus_creds.tokens import Token

    __version__: str

__all__ = [
    "ApiSession",
    "AventusCredsError",
    "BearerAuth",
    "ConfigError",
    "LoginButton",
    "LoginError",
    "LoginRequired",
    "NetworkError",
    "SecretError",
    "ServerError",
    "StoreError",
    "Token",
    "async_token_provider",
    "get_async_client",
    "get_auth",
    "get_client",
    "get_session",
    "get_token",
    "login",
    "logout",
    "token_provider",
]

_ROOMS = {
    "ApiSession": "session.session",
    "AventusCredsError": "errors",
    "BearerAuth": "session.bearer",
    "ConfigError": "errors",
    "LoginButton": "notebook.panel",
    "LoginError": "errors",
    "LoginRequired": "errors",
    "NetworkError": "errors",
    "SecretError": "errors",
    "ServerError": "errors",
    "StoreError": "errors",
    "Token": "tokens",
    "async_token_provider": "client_calls",
    "get_async_client": "client_calls",
    "get_auth": "client_calls",
    "get_client": "client_calls",
    "get_session": "calls",
    "get_token": "calls",
    "login": "calls",
    "logout": "calls",
    "token_provider": "client_calls",
}

if not TYPE_CHECKING:  # to a type checker, a module with this function has every name

    def __getattr__(name: str) -> Any:
        """Load a public name from its module (PEP 562)."""
        if name == "__version__":
            from importlib.metadata import version

            value = version("aventus-creds")
        elif name in _ROOMS:
            from importlib import import_module

            value = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def load_ipython_extension(ipython: Any) -> None:
    """Add the magics ``%aventus_login`` and ``%aventus_status``. ``%load_ext aventus_creds`` calls this."""
    from aventus_creds.magics import load

    load(ipython)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
