"""The login in a cell that waits for it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from aventus_creds.errors import LoginPending
from aventus_creds.notebook.background import background_login

if TYPE_CHECKING:
    from aventus_creds.callbacks import Browser
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token


def log_in_in_cell(
    profile: Profile,
    store: TokenStore,
    cache: CachedSource,
    browser: Browser | None = None,
    *,
    at_least: float = 0,
    anew: bool = False,
) -> Token:
    """Show the panel in the running cell, and wait until the user has logged in.

    An interrupt ends the wait at once, and the panel still works.

    Args:
        profile: the profile to log in to.
        store: where the token is stored.
        cache: reads and writes the token of ``profile`` in ``store``.
        browser: called with the login's address, besides showing it.
        at_least: how many seconds the token must be valid.
        anew: log in even if there is a good token.

    Raises:
        LoginPending: the login can only end by pasting an address. A busy kernel only receives it through a
            subshell, and whether the front end uses one cannot be determined.
        AventusCredsError: the login failed.
    """
    from IPython.display import display, update_display

    from aventus_creds.notebook.panel import LoginButton  # loads ipywidgets

    login = background_login(profile, store, cache)
    login.looked_up()  # a button's search for a token is not the login that is wanted
    outcome = login.begin(anew=anew, at_least=at_least, browser=browser)
    login.looked_up()
    panel = LoginButton._of(login)  # noqa: SLF001 - the panel of this very folder
    place = f"aventus-creds-{uuid.uuid4().hex}"
    display(panel.with_plain_link(), raw=True, display_id=place)  # type: ignore[no-untyped-call,unused-ignore]
    try:
        if login.only_pasted and login.state == "waiting":
            raise LoginPending(
                f"profile {profile.name} needs a login, and its redirect cannot come to this kernel",
                hint="Log in above, paste the address, then run this cell again.",
            )
        return outcome.wait()
    finally:
        update_display(panel.bundle(), raw=True, display_id=place)  # type: ignore[no-untyped-call,unused-ignore]
