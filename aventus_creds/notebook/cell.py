"""The login in a cell that waits for it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from aventus_creds.errors import LoginPending, LoginRequired, StepUpRequired
from aventus_creds.logins.person import served
from aventus_creds.logins.step_up import step_up_required
from aventus_creds.notebook.background import BackgroundLogin
from aventus_creds.notebook.registry import background_login, offered_login
from aventus_creds.profiles.login_options import NO_OPTIONS, LoginOptions

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
    options: LoginOptions = NO_OPTIONS,
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
        options: what the login is asked for beside what the profile says.

    Raises:
        LoginPending: the login can only end by pasting an address, or Voila shows the page only when the cell has
            ended. A busy kernel only receives what is pasted through a subshell, and whether the front end uses one
            cannot be determined.
        LoginRequired: the output of the cell is captured, so nobody would see the link.
        AventusCredsError: the login failed.
    """
    from IPython.display import display, update_display

    from aventus_creds.notebook.panel import LoginButton  # loads ipywidgets

    if browser is None and _captured():
        raise LoginRequired(
            f"profile {profile.name} needs a login, and the output of this cell is captured",
            hint=f'Log in in a cell without %%capture: LoginButton("{profile.name}"). Then run this cell again.',
        )
    login = background_login(profile, store, cache)
    login.looked_up()  # a button's search for a token is not the login that is wanted
    outcome = login.begin(anew=anew, at_least=at_least, browser=browser, options=options)
    login.looked_up()
    panel = LoginButton._of(login)  # noqa: SLF001 - the panel of this very folder
    place = f"aventus-creds-{uuid.uuid4().hex}"
    display(panel.with_plain_link(), raw=True, display_id=place)  # type: ignore[no-untyped-call,unused-ignore]
    try:
        if login.state == "waiting":
            _may_wait(login)
        return outcome.wait()
    finally:
        update_display(panel.bundle(), raw=True, display_id=place)  # type: ignore[no-untyped-call,unused-ignore]


def offer_in_cell(
    profile: Profile, store: TokenStore, cache: CachedSource, options: LoginOptions
) -> LoginPending | StepUpRequired:
    """Show the panel with a login that brings what an API wants, and return the error that the cell ends with.

    Args:
        profile, store, cache: as for ``log_in_in_cell``.
        options: what the API wants beside what the login has.
    """
    from IPython.display import display

    from aventus_creds.notebook.panel import LoginButton  # loads ipywidgets

    required = step_up_required(profile, options)
    if _captured():
        return required
    login = offered_login(profile, store, cache, options)
    panel = LoginButton._of(login, in_cell=False)  # noqa: SLF001 - as above
    display(panel.bundle(), raw=True)  # type: ignore[no-untyped-call,unused-ignore]
    return LoginPending(
        required.message, hint="Log in above, then run this cell again. In a terminal: " + required.hint
    )


def _may_wait(login: BackgroundLogin) -> None:
    """Raise LoginPending where the login can only go on when the cell has ended."""
    name = login.profile.name
    if login.only_pasted:
        raise LoginPending(
            f"profile {name} needs a login, and its redirect cannot come to this kernel",
            hint="Log in above, paste the address, then run this cell again.",
        )
    if served() == "Voila":
        raise LoginPending(
            f"profile {name} needs a login, and Voila shows it when the cells have ended",
            hint="Log in above, then reload this page.",
        )


def _captured() -> bool:
    """Whether what the cell displays is not shown, as under %%capture."""
    from IPython import get_ipython  # type: ignore[attr-defined,unused-ignore]
    from IPython.core.displaypub import CapturingDisplayPublisher

    shell = get_ipython()  # type: ignore[no-untyped-call,unused-ignore]
    return isinstance(getattr(shell, "display_pub", None), CapturingDisplayPublisher)
