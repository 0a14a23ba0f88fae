"""What users call: get_session, get_token, login, logout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from aventus_creds.errors import ConfigError
from aventus_creds.grants import GRANTS
from aventus_creds.profiles import Profile, read_profiles
from aventus_creds.sources import AttendedSource, TokenSource
from aventus_creds.stores import TokenStore, store_for
from aventus_creds.tokens import Token
from aventus_creds.wiring import cached_source, injected_source

if TYPE_CHECKING:
    from aventus_creds.callbacks import Browser
    from aventus_creds.logins import Logout
    from aventus_creds.session import ApiSession


def get_session(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
) -> ApiSession:
    """Return a ``requests.Session`` that is authorised for the API of the profile ``name``.

    With a cached token it asks nobody. Without one it refreshes, or lets the person log in; where nobody can
    answer, it raises LoginRequired at once.

    ``name``: the profile; None takes ``AVENTUS_CREDS_PROFILE``, then the file's ``default``.
    ``interactive``: whether a person may be asked; None finds out (``AVENTUS_CREDS_INTERACTIVE``, then
    whether there is a terminal). ``profiles``: another profiles.toml. ``store``: where tokens rest, instead
    of where the profile says. ``browser``: called with the login's address, instead of opening one.
    ``min_ttl``: seconds that the token must live at least, for a job that must not stop half-way: it is
    refreshed early if need be, and where that does not help, the error is raised now.

    Raises ConfigError, LoginError, ServerError, NetworkError or StoreError, all of them AventusCredsError.
    """
    profile = read_profiles(profiles).profile(name)
    source = token_source(profile, store, interactive=interactive, browser=browser)
    source.token(at_least=min_ttl)
    from aventus_creds.session import ApiSession  # loads requests

    return ApiSession(profile, source)


def get_token(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
) -> Token:
    """Return a fresh Token of the profile ``name``, for programs that do not use requests.

    The parameters and errors are those of ``get_session``.
    """
    profile = read_profiles(profiles).profile(name)
    source = token_source(profile, store, interactive=interactive, browser=browser)
    return source.token(at_least=min_ttl)


def login(
    name: str | None = None,
    *,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    device: bool = False,
) -> Token:
    """Let the person log in to the profile ``name`` anew, whatever is cached, and return the token.

    ``device``: log in on another device (RFC 8628), for a machine without a browser. The grant
    client_credentials needs no person: it gets a new token. Raises what ``get_session`` raises, except
    LoginRequired.
    """
    profile = read_profiles(profiles).profile(name)
    cache = cached_source(profile, store or store_for(profile))
    from aventus_creds.logins import new_token  # loads requests

    return new_token(profile, cache, browser, device=device)


def login_by_paste(
    name: str | None = None, *, profiles: str | Path | None = None, store: TokenStore | None = None
) -> Token:
    """Let the person log in where neither a terminal nor widgets are: a plain link, and a hidden question.

    Raises what ``login`` raises.
    """
    from aventus_creds.callbacks.plain import PlainCallback
    from aventus_creds.server import AuthorizationServer  # loads requests

    profile = read_profiles(profiles).profile(name)._replace(callback="paste")
    cache = cached_source(profile, store or store_for(profile))
    return AuthorizationServer(profile).log_in(cache.keep, panel=PlainCallback)


def logout(
    name: str | None = None, *, profiles: str | Path | None = None, store: TokenStore | None = None
) -> Logout:
    """Revoke the login of the profile ``name`` at the server where that has an endpoint, and forget it.

    It is forgotten even when it cannot be revoked. Raises ConfigError or StoreError.
    """
    profile = read_profiles(profiles).profile(name)
    from aventus_creds.logins import log_out  # loads requests

    return log_out(profile, cached_source(profile, store or store_for(profile)))


def token_source(
    profile: Profile, store: TokenStore | None, *, interactive: bool | None, browser: Browser | None
) -> TokenSource:
    """Return the source of ``profile``'s tokens, composed as its grant and its surroundings want it."""
    if injected := injected_source(profile.name):
        return injected
    store = store or store_for(profile)
    cache = cached_source(profile, store)
    if not GRANTS[profile.grant].attended:
        return cache

    def log_in(at_least: float) -> Token:
        from aventus_creds.callbacks.notebook import jupyter_kernel  # a fresh token asks nobody

        if browser is None and GRANTS[profile.grant].redirects and jupyter_kernel() is not None:
            from aventus_creds.widget import log_in_here  # loads ipywidgets

            return log_in_here(profile, store, cache)
        from aventus_creds.logins import token_in_turn  # loads requests

        return token_in_turn(profile, store, cache, browser, at_least)

    return AttendedSource(cache, log_in, interactive=lambda: may_ask(interactive))


def may_ask(interactive: bool | None) -> bool:  # noqa: FBT001 - the one thing it is about
    """Whether a person may be asked: as the caller says, as the environment says, or as it looks."""
    if interactive is not None:
        return interactive
    if said := os.environ.get("AVENTUS_CREDS_INTERACTIVE"):
        if said not in {"0", "1"}:
            raise ConfigError(f"AVENTUS_CREDS_INTERACTIVE must be 0 or 1, not {said!r}")
        return said == "1"
    from aventus_creds.callbacks import person_can_answer  # a fresh token asks nobody

    return person_can_answer()
