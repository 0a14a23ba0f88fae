"""Profiles, logins and cached OAuth 2.0 tokens behind one call.

    from aventus_creds import get_session

    session = get_session("prod")          # a requests.Session, already authorised
    session.get("/v1/contacts").json()

Importing this package is cheap: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aventus_creds.api import get_session, get_token, login, logout
    from aventus_creds.errors import AventusCredsError, LoginRequired
    from aventus_creds.notebook.panel import LoginButton
    from aventus_creds.session.bearer import BearerAuth
    from aventus_creds.session.session import ApiSession
    from aventus_creds.tokens import Token

__all__ = [
    "ApiSession",
    "AventusCredsError",
    "BearerAuth",
    "LoginButton",
    "LoginRequired",
    "Token",
    "get_session",
    "get_token",
    "login",
    "logout",
]

_ROOMS = {
    "ApiSession": "session.session",
    "AventusCredsError": "errors",
    "BearerAuth": "session.bearer",
    "LoginButton": "notebook.panel",
    "LoginRequired": "errors",
    "Token": "tokens",
    "get_session": "api",
    "get_token": "api",
    "login": "api",
    "logout": "api",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def load_ipython_extension(ipython: Any) -> None:
    """Add the magics ``%aventus_login`` and ``%aventus_status``. ``%load_ext aventus_creds`` calls this."""
    from aventus_creds.magics import load

    load(ipython)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
