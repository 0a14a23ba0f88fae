"""THE STORY: what users call, from top to bottom.

get_session, get_token   a good token, from wherever it can be had
    profiles.toml → Profile                                     profiles/
    a token in the environment? it is used as it is             sources/injected.py
    a good token in memory or in the store? that one            sources/cached.py
    an old one? one process refreshes it, under the lock        sources/renewing.py, oauth/
    a person is needed, and is here? they log in                logins/, notebook/, callbacks/
    nobody is here? LoginRequired, with the command to run
login                    a person logs in, even if there is a login
logout                   the login is revoked and forgotten
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.chain import shared_source, token_source
from aventus_creds.stores.opening import store_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.callbacks import Browser
    from aventus_creds.logins.logout import Logout
    from aventus_creds.session.session import ApiSession
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token


def get_session(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
) -> ApiSession:
    """Return a ``requests.Session`` that is authorised for the API of a profile.

    With a cached token it asks nobody. Without one it refreshes, or lets the person log in; where nobody can
    answer, it raises LoginRequired at once.

    Args:
        name: the profile; None takes ``AVENTUS_CREDS_PROFILE``, then the file's ``default``.
        interactive: whether a person may be asked; None finds out: ``AVENTUS_CREDS_INTERACTIVE``, then whether
            there is a terminal or a notebook where somebody can answer.
        profiles: another profiles.toml.
        store: where tokens are stored, instead of where the profile says.
        browser: called with the login's address, instead of opening a browser.
        min_ttl: seconds that the token must live at least, for a job that must not stop half-way: it is
            refreshed early if need be, and where that does not help, the error is raised now.

    Returns:
        A session whose requests carry a fresh token, to the API's origins only.

    Raises:
        ConfigError: the profile or something it needs is missing or wrong.
        LoginError: a person must log in, or did not finish it.
        ServerError, NetworkError: the authorization server refused, or cannot be reached.
        StoreError: the token store cannot be used. All of them are AventusCredsError.
    """
    profile = read_profiles(profiles).profile(name)
    source = _source(profile, store, interactive, browser)
    source.token(at_least=min_ttl)  # what is wrong is told here, not at the first request
    from aventus_creds.session.session import ApiSession  # loads requests

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
    """Return a fresh Token of a profile, for programs that do not use requests.

    The parameters and errors are those of ``get_session``.
    """
    profile = read_profiles(profiles).profile(name)
    return _source(profile, store, interactive, browser).token(at_least=min_ttl)


def login(
    name: str | None = None,
    *,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    device: bool = False,
) -> Token:
    """Let the person log in to a profile, even if there is a login already, and return the new token.

    Args:
        name, profiles, store, browser: as for ``get_session``.
        device: log in on another device (RFC 8628), for a machine without a browser. The grant
            client_credentials needs no person: it gets a new token.

    Raises:
        What ``get_session`` raises. LoginRequired only where visitors, or a program, run
        this code in a notebook or a web application.
    """
    profile = read_profiles(profiles).profile(name)
    store = store or store_for(profile)
    cache = shared_source(profile, store)
    if GRANTS[profile.grant].attended:
        from aventus_creds.logins.person import need_person, need_sockets

        (need_person if browser is None else need_sockets)(profile.name)
    if not device and (in_cell := _login_in_cell(profile)):
        return in_cell(profile, store, cache, browser, anew=True)
    from aventus_creds.logins.login import log_in  # loads requests

    return log_in(profile, cache.keep, browser, device=device)


def logout(
    name: str | None = None, *, profiles: str | Path | None = None, store: TokenStore | None = None
) -> Logout:
    """Revoke the login of a profile at the server, where that has an endpoint, and forget it.

    It is forgotten even when it cannot be revoked.

    Args:
        name, profiles, store: as for ``get_session``.

    Returns:
        Whether there was a login (``found``), whether the server revoked it (``revoked``), and ``why_not``.

    Raises:
        ConfigError, StoreError: the profile is wrong, or the store cannot be used.
    """
    profile = read_profiles(profiles).profile(name)
    cache = shared_source(profile, store or store_for(profile))
    from aventus_creds.logins.logout import log_out  # loads requests

    return log_out(profile, cache)


def _source(
    profile: Profile,
    store: TokenStore | None,
    interactive: bool | None,  # noqa: FBT001 - get_session's own argument, passed on
    browser: Browser | None,
) -> TokenSource:
    """Return where the profile's tokens come from; a person is asked only when nothing else helps."""
    return token_source(
        profile,
        store,
        may_ask=partial(_may_ask, interactive),
        log_in=partial(_log_in, profile, browser),
        advice=partial(_advice, profile.name, interactive),
    )


def _may_ask(interactive: bool | None) -> bool:  # noqa: FBT001 - the one thing it is about
    """Whether a person may be asked. Looked up when a login is needed: a fresh token asks nobody."""
    from aventus_creds.logins.person import may_ask

    return may_ask(interactive)


def _advice(name: str, interactive: bool | None) -> str:  # noqa: FBT001 - as for _may_ask
    """Return what to do where nobody was asked."""
    from aventus_creds.logins.person import advice

    return advice(name, interactive)


def _log_in(
    profile: Profile, browser: Browser | None, store: TokenStore, cache: CachedSource, at_least: float
) -> Token:
    """Let the person log in where they sit: in a notebook's panel, else at the terminal or on a device."""
    if in_cell := _login_in_cell(profile):
        return in_cell(profile, store, cache, browser, at_least=at_least)
    from aventus_creds.logins.login import log_in_in_turn  # loads requests

    return log_in_in_turn(profile, store, cache, browser, at_least)


def _login_in_cell(profile: Profile) -> Callable[..., Token] | None:
    """Return the function that shows a login in the notebook that runs this code, or None elsewhere."""
    if not GRANTS[profile.grant].redirects:
        return None
    from aventus_creds.logins.person import jupyter_kernel, marimo_mode

    in_cell: Callable[..., Token] | None = None
    if marimo_mode():
        from aventus_creds.notebook.marimo import log_in_in_cell as in_cell  # loads marimo
    elif jupyter_kernel() is not None:
        from aventus_creds.notebook.cell import log_in_in_cell as in_cell  # loads ipywidgets
    return in_cell
