"""Functions of the package, which load ``api`` when they are called.

Made from ``api.py`` by ``python -m tests.made``: change that file. So the statement that people type,
``from aventus_creds import get_session``, costs next to nothing.
"""

from __future__ import annotations

# as typing's own, which takes longer to load than this file; jedi looks at both cases
TYPE_CHECKING = __name__ == ""
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aventus_creds.callbacks import Browser
    from aventus_creds.logins.logout import Logout
    from aventus_creds.session.session import ApiSession
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
    from aventus_creds import api

    return api.get_session(
        name,
        interactive=interactive,
        profiles=profiles,
        store=store,
        browser=browser,
        min_ttl=min_ttl,
        scope=scope,
    )


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
    from aventus_creds import api

    return api.get_token(
        name,
        interactive=interactive,
        profiles=profiles,
        store=store,
        browser=browser,
        min_ttl=min_ttl,
        scope=scope,
    )


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
    from aventus_creds import api

    return api.login(
        name,
        profiles=profiles,
        store=store,
        browser=browser,
        device=device,
        scope=scope,
        only=only,
        acr_values=acr_values,
        max_age=max_age,
        account=account,
        prompt=prompt,
    )


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
    from aventus_creds import api

    return api.logout(name, profiles=profiles, store=store, scope=scope)
