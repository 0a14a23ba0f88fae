"""LoginButton: shows a profile's login in a notebook. It is a thin layer over BackgroundLogin.

The traits of a widget can be saved into the notebook file. So no trait ever holds a token, and the address of the
login and the pasted address are cleared as soon as they are no longer needed.
"""

from __future__ import annotations

import contextvars
import html
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from aventus_creds.basics.hidden import Hidden, hides
from aventus_creds.logins.person import marimo_mode, may_show_login, need_sockets, served
from aventus_creds.notebook import look
from aventus_creds.notebook.background import BackgroundLogin
from aventus_creds.notebook.button import Button
from aventus_creds.notebook.registry import background_login
from aventus_creds.notebook.watching import Watcher
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.chain import shared_source
from aventus_creds.stores import TokenStore
from aventus_creds.stores.opening import store_for

if TYPE_CHECKING:
    from aventus_creds.session.session import ApiSession
    from aventus_creds.tokens import Token

    class _Box:
        """ipywidgets' VBox, which has no types: any attribute may be read and set."""

        def __new__(cls, *arguments: Any, **named: Any) -> Any: ...

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

else:
    _Box = widgets.VBox

VIEW: Final = "application/vnd.jupyter.widget-view+json"


class LoginButton(Button, _Box):
    """A panel in a notebook: you log in to a profile with one click, and the kernel stays free.

    Example:
        button = LoginButton("prod")
        button  # shows the panel; once you are logged in, button.session is the session

    Args:
        name: the profile. None: AVENTUS_CREDS_PROFILE, then the default of profiles.toml.
        profiles: the path of another profiles.toml.
        store: where tokens are stored, instead of the profile's choice.

    Raises:
        ConfigError: the profile is missing or has mistakes.
    """

    def __new__(
        cls, name: str | None = None, *, profiles: str | Path | None = None, store: TokenStore | None = None
    ) -> Any:
        """Return the button for the notebook that this is."""
        if not marimo_mode():
            return super().__new__(cls, name, profiles=profiles, store=store)
        from aventus_creds.notebook.marimo import MarimoButton  # loads marimo

        return MarimoButton(_login_of(name, profiles=profiles, store=store))  # type: ignore[return-value,unused-ignore]

    def __init__(
        self, name: str | None = None, *, profiles: str | Path | None = None, store: TokenStore | None = None
    ) -> None:
        login = _login_of(name, profiles=profiles, store=store)
        attended = may_show_login()
        visitors = served() is not None
        self._build(login, visitors=visitors, shut=visitors and not attended)
        if not self._shut:
            login.begin(attended=attended)

    @classmethod
    def _of(cls, login: BackgroundLogin, *, in_cell: bool = True) -> LoginButton:
        """Return the panel for a cell that waits for the login, or that has ended. It does not start the login."""
        panel: LoginButton = super().__new__(cls)
        panel._build(login, in_cell=in_cell, visitors=served() is not None)
        return panel

    def _build(
        self, login: BackgroundLogin, *, in_cell: bool = False, visitors: bool = False, shut: bool = False
    ) -> None:
        self._login = login
        self._in_cell = in_cell
        self._visitors = visitors  # they see it, and are not told whose login it is
        self._shut = shut  # and cannot log in either
        self._told: list[Callable[[ApiSession], object]] = []
        self._told_token: Token | None = None
        self._lock = (
            threading.RLock()
        )  # the last of several threads that show something has seen the newest state
        # A thread that updates a widget needs the context of the cell: some kernels use it to find the cell.
        self._context = contextvars.copy_context()
        self._shown: tuple[widgets.Widget, ...] = ()
        self._status, self._time, self._link, self._notice, self._help = (widgets.HTML() for _ in range(5))
        self._paste = widgets.Password(
            description="Address of the new tab",  # a screen reader reads this label
            placeholder="Paste it here, and press Enter",
            continuous_update=False,
            layout=widgets.Layout(width="auto"),
            style={"description_width": "initial"},
        )
        self._paste.add_class("aventus-creds-paste")
        self._paste.observe(self._pasted, "value")
        self._again = widgets.Button(description=f"Log in to {login.profile.name}")
        self._again.add_class("aventus-creds-begin")  # looks like the link
        self._again.on_click(lambda _: self._login.begin_anew())
        self._out = widgets.Button(description="Log out")
        self._out.add_class("aventus-creds-out")
        self._out.on_click(lambda _: self._login.log_out())
        super().__init__()
        self.add_class("aventus-creds-login")
        for widget in (self._paste, self._again, self._out):
            _answer_while_busy(widget)
        self._watcher = _PanelWatcher(self)
        self._show()
        login.watch(self._watcher)

    def _repr_keys(self) -> list[str]:
        """Return no keys, because the repr of ipywidgets would print the values of the children."""
        return []

    def bundle(self) -> dict[str, Any]:
        """Return the MIME bundle that displays it. ipywidgets 7 has no method that does."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": repr(self), VIEW: view}

    def with_plain_link(self) -> dict[str, Any]:
        """Return a MIME bundle with the panel, and a plain link for front ends that show no widgets.

        The bundle contains the address of the login. Replace the display when the link is no longer needed,
        or the notebook saves it.
        """
        url, name = self._login.url, self._login.profile.name
        if not url:
            return self.bundle()
        from aventus_creds.notebook.paste import offer_magics

        offer_magics()
        paste = f"If it cannot connect in the end, interrupt the cell and run: %aventus_login {name} --paste"
        return {
            **self.bundle(),
            "text/plain": f"Log in to {name}: open {url}\n{paste}",
            "text/html": f'<a target="_blank" rel="noopener noreferrer" href="{html.escape(url, quote=True)}">'
            f"Log in to {html.escape(name)}</a><br>{html.escape(paste)}",
        }

    def changed(self) -> None:
        """Update what the panel shows. Called from any thread."""
        with self._lock:
            self._context.copy().run(self._show)
        self._tell()

    @hides
    def _pasted(self, change: Hidden[dict[str, Any]]) -> None:
        if change.reveal()["new"]:
            self._paste.value = ""
            self._login.paste(change.reveal()["new"])

    def _show(self) -> None:
        if self._shut:
            self._status.value = look.served_text(self._login.profile.name)
            self._put(self._status)
            return
        login, state = self._login, self._login.state
        waiting = state == "waiting"
        self._status.value = look.status(login, visitors=self._visitors)
        self._time.value = look.time_left(login) if waiting else ""
        self._link.value = look.link(login) if waiting and login.url else ""
        self._notice.value = look.notice(login) if login.notice else ""
        self._help.value = look.pasting(login, in_cell=self._in_cell) if waiting else ""
        parts = {
            "checking": (),
            # The notice is last, and always there: new children would fold the field that somebody pastes into.
            "waiting": (self._time, self._link, self._help, self._paste, self._notice),
            "in": (self._notice, self._out),
            "out": (self._notice, self._again),
        }
        self._put(self._status, *parts[state])

    def _put(self, *shown: widgets.Widget) -> None:
        if shown != self._shown:
            self.children = self._shown = shown


class _PanelWatcher(Watcher):
    """Tells a panel about changes. Only the panel keeps it alive, so it is dropped with the panel."""

    def __init__(self, panel: LoginButton) -> None:
        self._panel = panel

    def changed(self) -> None:
        self._panel.changed()


def _answer_while_busy(widget: widgets.Widget) -> None:
    """Let the front end choose the subshell that receives the messages of a widget.

    ipykernel 7.4 sends them to the shell of the cell that created the widget, and that cell may be waiting for
    them. The attribute is private. If it is missing, pasted text only arrives after the cell has ended.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005, SLF001 - see above


def _login_of(
    name: str | None, *, profiles: str | Path | None = None, store: TokenStore | None = None
) -> BackgroundLogin:
    profile = read_profiles(profiles).profile(name)
    need_sockets(profile.name)
    store = store or store_for(profile)
    return background_login(profile, store, shared_source(profile, store))
