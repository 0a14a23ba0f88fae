"""The login in a marimo notebook, with marimo's own elements: it does not show the widgets of Jupyter.

A cell that runs hears nothing from the page, so what is pasted reaches only a button in a cell that has ended. From
a thread, only marimo's own kind of thread can change what a cell shows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import marimo as mo

from aventus_creds.errors import LoginPending, StepUpRequired
from aventus_creds.logins.person import may_show_login, served
from aventus_creds.logins.step_up import step_up_required
from aventus_creds.notebook import look
from aventus_creds.notebook.background import BackgroundLogin
from aventus_creds.notebook.button import Button
from aventus_creds.notebook.registry import background_login, offered_login
from aventus_creds.notebook.watching import Watcher
from aventus_creds.profiles.login_options import NO_OPTIONS, LoginOptions

if TYPE_CHECKING:
    from aventus_creds.callbacks import Browser
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.session.session import ApiSession
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token


class MarimoButton(Button, Watcher):
    """A LoginButton for marimo. Make it the last expression of its cell, which it fills."""

    def __init__(self, login: BackgroundLogin) -> None:
        self._login = login
        self._told: list[Callable[[ApiSession], object]] = []
        self._told_token: Token | None = None
        self._lock = threading.RLock()
        self._changed = threading.Event()
        self._kept: Any = None  # the element in the page: marimo forgets those that nobody keeps
        self._visitors = served() is not None or mo.app_meta().mode == "run"
        attended = may_show_login()
        self._shut = self._visitors and not attended
        login.watch(self)
        if not self._shut:
            login.begin(attended=attended)

    def changed(self) -> None:
        """Have the page show the change. Called from any thread."""
        self._changed.set()
        self._tell()

    def _display_(self) -> mo.Html:
        """Return what the cell shows now; a thread of marimo keeps it up to date."""
        mo.Thread(target=self._keep_up_to_date, daemon=True).start()
        return self._panel()

    def _keep_up_to_date(self) -> None:
        shown = ""
        thread = mo.current_thread()
        while not thread.should_exit:
            self._changed.wait(0.5)
            self._changed.clear()
            state = f"{self._login.state} {self._login.notice} {self._login.url} {self._login.token!r}"
            if state != shown:
                shown = state
                mo.output.replace(self._panel())

    def _panel(self) -> mo.Html:
        login, name = self._login, self._login.profile.name
        if self._shut:
            return _framed(look.served_text(name))
        parts = [look.status(login, visitors=self._visitors)]
        if login.notice:
            parts.append(look.notice(login))
        if login.state == "waiting":
            parts += [_until(login), look.link(login), self._pasting()]
        elif login.state == "in":
            self._kept = mo.ui.button(label="Log out", on_click=lambda _: login.log_out())
            parts.append(self._kept.text)
        elif login.state == "out":
            self._kept = mo.ui.button(
                label=f"Log in to {name}", kind="neutral", on_click=lambda _: login.begin_anew()
            )
            parts.append(self._kept.text)
        return _framed(*parts)

    def _pasting(self) -> str:
        self._kept = mo.ui.text(
            kind="password",
            label="Address of the new tab",
            placeholder="Paste it here, and press Enter",
            full_width=True,
            on_change=self._pasted,
        )
        return look.pasting(self._login, in_cell=False, field=self._kept.text)

    def _pasted(self, address: str) -> None:
        if address:
            self._login.paste(address)


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
    """Show the link in the running cell, and wait until the user has logged in.

    The arguments and errors are those of ``aventus_creds.notebook.cell.log_in_in_cell``.
    """
    login = background_login(profile, store, cache)
    login.looked_up()
    outcome = login.begin(anew=anew, at_least=at_least, browser=browser, options=options)
    login.looked_up()
    if login.state == "waiting":
        way_out = (
            f'put LoginButton("{profile.name}") into a cell of its own, log in there and paste the address'
        )
        if login.only_pasted:
            raise LoginPending(
                f"profile {profile.name} needs a login, and its redirect cannot come to this notebook",
                hint=f"{way_out[0].upper()}{way_out[1:]}. Then run this cell again.",
            )
        if login.url:
            text = f"If the tab cannot connect: interrupt this cell, and {way_out}."
            way = f'<div class="aventus-creds-help">{text}</div>'
            mo.output.replace(_framed(look.status(login), _until(login), look.link(login), way))
    try:
        return outcome.wait()
    finally:
        mo.output.clear()  # the link contains the OAuth state, and marimo keeps outputs in a file


def offer_in_cell(
    profile: Profile, store: TokenStore, cache: CachedSource, options: LoginOptions
) -> LoginPending | StepUpRequired:
    """Begin a login that brings what an API wants, and return the error that the cell ends with.

    marimo shows the error in place of all else that the cell has shown, so the link is in the cell of a LoginButton.
    The arguments are those of ``aventus_creds.notebook.cell.offer_in_cell``.
    """
    required = step_up_required(profile, options)
    offered_login(profile, store, cache, options)
    return LoginPending(
        required.message,
        hint=f'Log in with LoginButton("{profile.name}") in a cell of its own, then run this cell again.'
        f" In a terminal: {required.hint}",
    )


def _until(login: BackgroundLogin) -> str:
    """Return how long the login waits. A countdown would take the focus from the field each second."""
    return look.waiting(f" until {look.local(time.time() + login.seconds_left(), seconds=True)}")


def _framed(*parts: str) -> mo.Html:
    return mo.Html(f'<div class="aventus-creds-login aventus-creds-plain">{"".join(parts)}</div>')
