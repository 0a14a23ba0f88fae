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
from typing import TYPE_CHECKING, Any

from aventus_creds.basics.hidden import Hidden
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.chain import login_before, shared_source, token_source
from aventus_creds.sources.source import need_lifetime
from aventus_creds.stores.opening import store_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aventus_creds.callbacks import Browser
    from aventus_creds.errors import LoginPending, StepUpRequired
    from aventus_creds.logins.logout import Logout
    from aventus_creds.profiles.login_options import LoginOptions
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
    scope: str | Iterable[str] | None = None,
) -> ApiSession:
    """Return a requests.Session that is authorised for the API of a profile.

    With a cached token it asks nobody. Without one it refreshes, or lets the person log in. If nobody can
    answer, it raises LoginRequired at once.

    Example:
        session = get_session("prod")
        session.get("/v1/contacts").json()

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        interactive: whether a person may be asked. None: AVENTUS_CREDS_INTERACTIVE, then whether there is a
            terminal or a notebook where somebody can answer.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        min_ttl: how many seconds the token must live at least. It is refreshed early if necessary; if that
            does not help, the error is raised now and not in the middle of a job.
        scope: another scope than the profile's, narrower or wider, as text or a list. Its token has that scope
            alone, and is stored apart from the profile's login.

    Returns:
        A session that sends a fresh token with each request, to the API's origins only. If the API wants more
        than a person's login has, a request raises StepUpRequired, or LoginPending in a notebook.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: a person must log in, or did not finish the login.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    from aventus_creds.session.session import ApiSession  # loads requests: others may wait for a refresh

    profile, source = logged_in(name, interactive, profiles, store, browser, min_ttl, scope)
    return ApiSession(profile, source, partial(answer_step_up, profile, store, interactive))


def get_token(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
    scope: str | Iterable[str] | None = None,
) -> Token:
    """Return a fresh access token of a profile, for programs that do not use requests.

    Call it again before each batch of requests: a cached token costs two small file reads, and an expired one
    is refreshed.

    Example:
        token = get_token("prod")
        headers = {"Authorization": f"Bearer {token.access_token}"}

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        interactive: whether a person may be asked. None: AVENTUS_CREDS_INTERACTIVE, then whether there is a
            terminal or a notebook where somebody can answer.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        min_ttl: how many seconds the token must live at least.
        scope: another scope than the profile's, narrower or wider, as text or a list. Its token has that scope
            alone, and is stored apart from the profile's login.

    Returns:
        The token, with its expiry and scopes. Its repr shows no secret.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: a person must log in, or did not finish the login.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    profile = _profile(name, profiles, scope)
    return _source(profile, store, interactive, browser).token(at_least=min_ttl)


def login(  # noqa: PLR0913 - all that a login may be asked for, by name
    name: str | None = None,
    *,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    device: bool = False,
    scope: str | Iterable[str] | None = None,
    only: bool = False,
    acr_values: str | None = None,
    max_age: int | None = None,
    account: str | None = None,
    prompt: str | None = None,
) -> Token:
    """Log in to a profile, even if you are already logged in, and return the new token.

    For the grant client_credentials, which needs no person, it gets a new token.

    Example:
        login("prod")

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        device: log in on another device (RFC 8628), for a machine without a browser.
        scope: further scopes, as text or a list, in addition to those of the profile and of its login.
        only: ask for `scope` alone, and store the login apart: get_session(name, scope=...) uses it.
        acr_values: how strong the login must be: classes separated by spaces, the best first (RFC 9470).
        max_age: how many seconds ago, at most, the person may have logged in at the server. 0: now.
        account: whose login it must be, such as an email address. The server is told (login_hint); a login as
            somebody else is not stored.
        prompt: what the server must ask, such as select_account (OpenID Connect Core section 3.1.2.1).

    Returns:
        The new token. It is stored already: get_session uses it. If the login lacks some of what was asked for,
        a NotGrantedWarning says what.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: the login was refused, not finished, or another account's. LoginRequired: the visitors of a
            web application, or a program, run this code.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    options = _options(scope, acr_values, max_age, account, prompt)
    profile = _profile(name, profiles, options.scope or None if only else None)
    if only:
        options = options._replace(scope="")
    store = store or store_for(profile)
    cache = shared_source(profile, store)
    if GRANTS[profile.grant].attended:
        from aventus_creds.logins.person import need_person, need_sockets

        (need_person if browser is None else need_sockets)(profile.name)
    from aventus_creds.notebook.here import cells_here

    if not device and (cells := cells_here(profile)):
        return cells.log_in_in_cell(profile, store, cache, browser, anew=True, options=options)
    from aventus_creds.logins.login import log_in  # loads requests

    return log_in(profile, cache.keep, browser, device=device, options=options, before=login_before(cache))


def logout(
    name: str | None = None,
    *,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    scope: str | Iterable[str] | None = None,
) -> Logout:
    """Log out of a profile: revoke its login at the server if possible, and forget it here.

    It is forgotten even if it cannot be revoked.

    Example:
        logout("prod")

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        scope: the login of these scopes, which is stored apart.

    Returns:
        Whether there was a login (found), whether the server revoked it (revoked), and if not, why (why_not).

    Raises:
        ConfigError: the profile is missing or wrong.
        StoreError: the place where tokens are stored cannot be used.
    """
    profile = _profile(name, profiles, scope)
    cache = shared_source(profile, store or store_for(profile))
    from aventus_creds.logins.logout import log_out  # loads requests

    return log_out(profile, cache)


def logged_in(
    name: str | None,
    interactive: bool | None,  # noqa: FBT001 - get_session's own argument, passed on
    profiles: str | Path | None,
    store: TokenStore | None,
    browser: Browser | None,
    min_ttl: float,
    scope: str | Iterable[str] | None,
) -> tuple[Profile, TokenSource]:
    """Return the profile, with the address of its API, and the source of its tokens, which has given one."""
    profile = _profile(name, profiles, scope)
    source = _source(profile, store, interactive, browser)
    token = Hidden(source.token(at_least=min_ttl))  # what is wrong is told here, not at the first request
    if "{" in profile.api_url:
        from aventus_creds.session.address import with_address  # most addresses do not depend on the login

        profile = with_address(profile, token.reveal())
    return profile, source


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


def _profile(name: str | None, profiles: str | Path | None, scope: str | Iterable[str] | None) -> Profile:
    profile = read_profiles(profiles).profile(name)
    if scope is None:
        return profile
    from aventus_creds.profiles.login_options import only_scope  # most callers take the profile's

    return only_scope(profile, scope)


def _options(
    scope: str | Iterable[str] | None,
    acr_values: str | None,
    max_age: int | None,
    account: str | None,
    prompt: str | None,
) -> LoginOptions:
    from aventus_creds.profiles.login_options import LoginOptions, checked_scope

    return LoginOptions(
        "" if scope is None else checked_scope(scope), acr_values or "", max_age, account or "", prompt or ""
    )


def answer_step_up(
    profile: Profile,
    store: TokenStore | None,
    interactive: bool | None,  # noqa: FBT001 - as for _may_ask
    *asked: Any,
) -> Token | StepUpRequired | LoginPending | None:
    """Return what helps if the API wants more than the login has: a token, or an error to raise."""
    from aventus_creds.step_up import step_up  # few requests need it

    return step_up(profile, store or store_for(profile), partial(_may_ask, interactive), *asked)


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
    from aventus_creds.notebook.here import cells_here

    if cells := cells_here(profile):
        return cells.log_in_in_cell(profile, store, cache, browser, at_least=at_least)
    need_lifetime(cache.peek(), at_least)  # nobody logs in for nothing
    from aventus_creds.logins.login import log_in_in_turn  # loads requests

    return log_in_in_turn(profile, store, cache, browser, at_least)
