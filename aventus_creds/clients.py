"""get_session for others: for httpx and other libraries, and for SDKs that take a function for the token."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aventus_creds.api import answer_step_up, logged_in
from aventus_creds.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from httpx import AsyncClient, Client

    from aventus_creds.callbacks import Browser
    from aventus_creds.session.bearer import BearerAuth
    from aventus_creds.stores import TokenStore


def get_auth(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
    scope: str | Iterable[str] | None = None,
) -> BearerAuth:
    """Return what authorises requests to the API of a profile, for clients that take an ``auth``.

    One object serves requests, niquests, httpx and httpx2, also their async clients. It sends a fresh token to
    the API's origins only. If the API refuses the token, it is refreshed, and the request is sent once more.

    Example:
        import httpx

        client = httpx.Client(auth=get_auth("prod"))

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        interactive: whether a person may be asked. None: AVENTUS_CREDS_INTERACTIVE, then whether there is a
            terminal or a notebook where somebody can answer.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        min_ttl: how many seconds the token must live at least, now.
        scope: another scope than the profile's, narrower or wider, as text or a list. Its token has that scope
            alone, and is stored apart from the profile's login.

    Returns:
        A requests auth that is an httpx.Auth as well, as soon as httpx is imported.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: a person must log in, or did not finish the login.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    from aventus_creds.session.authorised import auth_for

    profile, source = logged_in(name, interactive, profiles, store, browser, min_ttl, scope)
    return auth_for(profile, source, partial(answer_step_up, profile, store, interactive))


def get_client(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
    scope: str | Iterable[str] | None = None,
) -> Client:
    """Return an httpx.Client that is authorised for the API of a profile. It needs the extra ``httpx``.

    It has the rules of get_session's session: relative URLs, the token for the API's origins only, also after
    redirects, retries of idempotent requests, the profile's timeout, proxies and certificate authorities.

    Example:
        client = get_client("prod")
        client.get("/v1/contacts").json()

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        interactive: whether a person may be asked. None: AVENTUS_CREDS_INTERACTIVE, then whether there is a
            terminal or a notebook where somebody can answer.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        min_ttl: how many seconds the token must live at least, now.
        scope: another scope than the profile's, narrower or wider, as text or a list. Its token has that scope
            alone, and is stored apart from the profile's login.

    Returns:
        A client whose requests get a fresh token each. Close it, or use it in ``with``.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: a person must log in, or did not finish the login.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    make: Callable[..., Client] = _httpx_clients().client
    from aventus_creds.session.authorised import auth_for

    profile, source = logged_in(name, interactive, profiles, store, browser, min_ttl, scope)
    return make(profile, auth_for(profile, source, partial(answer_step_up, profile, store, interactive)))


def get_async_client(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
    scope: str | Iterable[str] | None = None,
) -> AsyncClient:
    """Return an httpx.AsyncClient that is authorised for the API of a profile. It needs the extra ``httpx``.

    It has the rules of get_session's session: relative URLs, the token for the API's origins only, also after
    redirects, retries of idempotent requests, the profile's timeout, proxies and certificate authorities.
    A refresh does not block the event loop. This function itself may ask a person, and waits.

    Example:
        client = get_async_client("prod")
        # in a coroutine: (await client.get("/v1/contacts")).json()

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        interactive: whether a person may be asked. None: AVENTUS_CREDS_INTERACTIVE, then whether there is a
            terminal or a notebook where somebody can answer.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        min_ttl: how many seconds the token must live at least, now.
        scope: another scope than the profile's, narrower or wider, as text or a list. Its token has that scope
            alone, and is stored apart from the profile's login.

    Returns:
        A client whose requests get a fresh token each. Close it, or use it in ``async with``.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: a person must log in, or did not finish the login.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    make: Callable[..., AsyncClient] = _httpx_clients().async_client
    from aventus_creds.session.authorised import auth_for

    profile, source = logged_in(name, interactive, profiles, store, browser, min_ttl, scope)
    return make(profile, auth_for(profile, source, partial(answer_step_up, profile, store, interactive)))


def token_provider(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
    scope: str | Iterable[str] | None = None,
) -> Callable[[], str]:
    """Return a function that gives a fresh access token each time it is called, for SDKs that take one.

    A token in memory costs nothing; an expired one is refreshed.

    Example:
        give_token = token_provider("prod")
        give_token()

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        interactive: whether a person may be asked. None: AVENTUS_CREDS_INTERACTIVE, then whether there is a
            terminal or a notebook where somebody can answer.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        min_ttl: how many seconds the token must live at least, now.
        scope: another scope than the profile's, narrower or wider, as text or a list. Its token has that scope
            alone, and is stored apart from the profile's login.

    Returns:
        A function without arguments. It raises what this one raises.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: a person must log in, or did not finish the login.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    from aventus_creds.session.providers import provider

    return provider(*logged_in(name, interactive, profiles, store, browser, min_ttl, scope))


def async_token_provider(
    name: str | None = None,
    *,
    interactive: bool | None = None,
    profiles: str | Path | None = None,
    store: TokenStore | None = None,
    browser: Browser | None = None,
    min_ttl: float = 0,
    scope: str | Iterable[str] | None = None,
) -> Callable[[], Awaitable[str]]:
    """Return a coroutine function that gives a fresh access token each time it is called.

    A refresh does not block the event loop, and goes on if the task that waits for it is cancelled. This
    function itself may ask a person, and waits.

    Example:
        give_token = async_token_provider("prod")
        # in a coroutine: await give_token()

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        interactive: whether a person may be asked. None: AVENTUS_CREDS_INTERACTIVE, then whether there is a
            terminal or a notebook where somebody can answer.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.
        browser: a function that is called with the login's address, instead of opening a browser.
        min_ttl: how many seconds the token must live at least, now.
        scope: another scope than the profile's, narrower or wider, as text or a list. Its token has that scope
            alone, and is stored apart from the profile's login.

    Returns:
        A function without arguments. It raises what this one raises.

    Raises:
        ConfigError: the profile, or something it needs, is missing or wrong.
        LoginError: a person must log in, or did not finish the login.
        ServerError: the authorization server refused.
        NetworkError: the authorization server cannot be reached.
        StoreError: the place where tokens are stored cannot be used.
    """
    from aventus_creds.session.providers import async_provider

    return async_provider(*logged_in(name, interactive, profiles, store, browser, min_ttl, scope))


def _httpx_clients() -> Any:
    """Return the module that makes clients of httpx. Raises ConfigError where httpx is not installed."""
    try:
        from aventus_creds.session import httpx_client
    except ModuleNotFoundError as missing:
        if missing.name != "httpx":
            raise
        raise ConfigError(
            "this needs httpx, which is not installed", hint="Run pip install 'aventus-creds[httpx]'."
        ) from None
    return httpx_client
