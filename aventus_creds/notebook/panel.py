"""LoginButton: shows a profile's login in a notebook. It is a thin layer over BackgroundLogin.

The traits of a widget can be saved into the notebook file. So no trait ever holds a token, and the address of the
login and the pasted address are cleared as soon as they are no longer needed.
"""

from __future__ import annotations

import contextvars
import html
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from aventus_creds.basics.hidden import Hidden, hides
from aventus_creds.errors import LoginPending
from aventus_creds.logins.person import front_end_can_answer, jupyter_kernel
from aventus_creds.notebook.background import BackgroundLogin, Watcher, background_login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores import TokenStore
from aventus_creds.stores.opening import store_for
from aventus_creds.tokens import jwt_account

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.session.session import ApiSession
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.tokens import Token

STYLE: Final = """<style>
.aventus-creds-login { gap: 6px; padding: 10px 12px; max-width: 42em; border-radius: 6px;
  border: 1px solid var(--jp-border-color2, #bdbdbd); }
.aventus-creds-login .widget-html-content, .aventus-creds-login .jupyter-widget-html-content { line-height: 1.5; }
.aventus-creds-login a.aventus-creds-link { display: inline-block; padding: 3px 14px; border-radius: 3px;
  font-weight: 600; text-decoration: none; color: #fff; background: #0b63c5; }
.aventus-creds-login a.aventus-creds-link:focus-visible { outline: 2px solid #0b63c5; outline-offset: 2px; }
.aventus-creds-login .aventus-creds-status { color: var(--jp-ui-font-color1, inherit); }
.aventus-creds-login .aventus-creds-notice { color: var(--jp-error-color1, #b3261e); }
.aventus-creds-login .aventus-creds-help { color: var(--jp-ui-font-color2, inherit); font-size: 90%; }
</style>"""


class LoginButton(widgets.VBox):  # type: ignore[misc,unused-ignore] # ipywidgets ships no types
    """Shows the login of a profile, and lets the user log in with one click. The kernel stays free.

    Args:
        name: the name of the profile. None means ``AVENTUS_CREDS_PROFILE``, then the default of the file.
        profiles: the path of profiles.toml. None means the usual place.
        store: where the token is stored. None means the store that the profile chooses.

    Raises:
        ConfigError: the profile does not exist or has mistakes.
    """

    def __init__(
        self, name: str | None = None, *, profiles: str | Path | None = None, store: TokenStore | None = None
    ) -> None:
        profile = read_profiles(profiles).profile(name)
        chosen = store or store_for(profile)
        login = background_login(profile, chosen, cached_source(profile, chosen))
        self._build(login)
        kernel = jupyter_kernel()
        login.begin(attended=kernel is None or front_end_can_answer(kernel))

    @classmethod
    def _of(cls, login: BackgroundLogin) -> LoginButton:
        """Return the panel for a cell that waits for the login. It does not start the login."""
        panel = cls.__new__(cls)
        panel._build(login, in_cell=True)  # noqa: SLF001 - its own class
        return panel

    def _build(self, login: BackgroundLogin, *, in_cell: bool = False) -> None:
        self._login = login
        self._in_cell = in_cell
        self._told: list[Callable[[ApiSession], object]] = []
        self._told_token: Token | None = None
        # A thread that updates a widget needs the context of the cell: some kernels use it to find the cell.
        self._context = contextvars.copy_context()
        self._shown: tuple[widgets.Widget, ...] = ()
        self._status = widgets.HTML()
        self._link = widgets.HTML()
        self._paste = widgets.Password(
            description="Address:",  # a screen reader reads this label
            placeholder="Paste the address of the new tab here, and press Enter",
            continuous_update=False,
            layout=widgets.Layout(width="auto"),
        )
        self._paste.add_class("aventus-creds-paste")
        self._paste.observe(self._pasted, "value")
        self._help = widgets.HTML()
        self._again = widgets.Button(description="Log in again", button_style="primary")
        self._again.on_click(lambda _: self._login.begin_anew())
        self._out = widgets.Button(description="Log out")
        self._out.on_click(lambda _: self._login.log_out())
        super().__init__()
        self.add_class("aventus-creds-login")
        for widget in (self._paste, self._again, self._out):
            _answer_while_busy(widget)
        self._watcher = _PanelWatcher(self)
        self._show()
        login.watch(self._watcher)

    def __repr__(self) -> str:
        """Return the profile and the state of its login. This text is saved into the notebook."""
        states = {
            "checking": "being checked",
            "waiting": "not logged in",
            "in": "logged in",
            "out": "not logged in",
        }
        return f"<LoginButton {self._login.profile.name}: {states[self._login.state]}>"

    def _repr_keys(self) -> list[str]:
        """Return no keys, because the repr of ipywidgets would print the values of the children."""
        return []

    def with_plain_link(self) -> dict[str, Any]:
        """Return a MIME bundle with the panel, and a plain link for front ends that show no widgets.

        The bundle contains the address of the login. Replace the display when the link is no longer needed,
        or the notebook saves it.
        """
        url, name = self._login.url, self._login.profile.name
        if not url:
            return dict(self._repr_mimebundle_())
        paste = f"If it cannot connect in the end, interrupt the cell and run: %aventus_login {name} --paste"
        return {
            **self._repr_mimebundle_(),
            "text/plain": f"Log in to {name}: open {url}\n{paste}",
            "text/html": f'<a target="_blank" rel="noopener noreferrer" href="{html.escape(url, quote=True)}">'
            f"Log in to {html.escape(name)}</a><br>{html.escape(paste)}",
        }

    @property
    def session(self) -> ApiSession:
        """The session for the profile's API. Raises LoginRequired if nobody is logged in."""
        from aventus_creds.session.session import ApiSession  # loads requests

        self._login.cache.token()
        return ApiSession(self._login.profile, self._login.cache)

    def on_login(self, callback: Callable[[ApiSession], object]) -> None:
        """Call ``callback(session)`` after each login, in a thread; and now, if somebody is logged in already."""
        self._told.append(callback)
        if self._login.state == "in":
            callback(self.session)

    def changed(self) -> None:
        """Update what the panel shows. Called from any thread."""
        self._context.copy().run(self._show)

    @hides
    def _pasted(self, change: Hidden[dict[str, Any]]) -> None:
        if change.reveal()["new"]:
            self._paste.value = ""
            self._login.paste(change.reveal()["new"])

    def _show(self) -> None:
        login, name = self._login, html.escape(self._login.profile.name)
        waiting = login.state == "waiting"
        url = html.escape(login.url, quote=True)
        self._status.value = STYLE + _line("status", self._status_text())
        notice = _line("notice", html.escape(login.notice), role="alert") if login.notice else ""
        self._link.value = notice + (
            f'<a class="aventus-creds-link" target="_blank" rel="noopener noreferrer" href="{url}">Log in to {name}</a>'
            if waiting and url
            else ""
        )
        self._help.value = _line("help", _help(login, in_cell=self._in_cell)) if waiting else ""
        shown: list[widgets.Widget] = [self._status]
        if waiting or login.notice:
            shown.append(self._link)
        if waiting:
            shown += [self._paste, self._help, *([] if url else [self._again])]
        elif login.state == "in":
            shown.append(self._out)
        elif login.state == "out":
            shown.append(self._again)
        if tuple(shown) != self._shown:
            self.children = self._shown = tuple(shown)
        self._tell()

    def _status_text(self) -> str:
        login, name = self._login, html.escape(self._login.profile.name)
        if login.state == "checking":
            return f"Looking after the login to {name} …"
        if login.state == "waiting":
            minutes, seconds = divmod(round(login.seconds_left()), 60)
            return f"Not logged in to {name}. Waiting for the login, {minutes}:{seconds:02} left."
        if login.state == "in" and login.token:
            until = _local(login.token.expires_at)
            account = jwt_account(login.token.access_token)
            by = f" as {html.escape(account)}" if account else ""
            return f"Logged in to {name}{by} until {until}{', then renewed' if login.token.refresh_token else ''}."
        return f"Not logged in to {name}."

    def _tell(self) -> None:
        token = self._login.token
        if self._login.state == "in" and token is not self._told_token:
            self._told_token = token
            for callback in self._told:
                callback(self.session)


class _PanelWatcher(Watcher):
    """Tells a panel about changes. Only the panel keeps it alive, so it is dropped with the panel."""

    def __init__(self, panel: LoginButton) -> None:
        self._panel = panel

    def changed(self) -> None:
        self._panel.changed()


def log_in_in_cell(profile: Profile, store: TokenStore, cache: CachedSource) -> Token:
    """Show the panel in the running cell, and wait until the user has logged in.

    An interrupt ends the wait at once, and the panel still works.

    Args:
        profile: the profile to log in to.
        store: where the token is stored.
        cache: reads and writes the token of ``profile`` in ``store``, and remembers the new token.

    Raises:
        LoginPending: the login can only end by pasting an address. A busy kernel only receives it through a
            subshell, and whether the front end uses one cannot be determined.
        AventusCredsError: the login failed.
    """
    from IPython.display import display, update_display

    login = background_login(profile, store, cache)
    panel = LoginButton._of(login)  # noqa: SLF001 - its own module
    login.begin()
    login.looked_up()
    place = f"aventus-creds-{uuid.uuid4().hex}"
    display(panel.with_plain_link(), raw=True, display_id=place)  # type: ignore[no-untyped-call,unused-ignore]
    try:
        if login.only_pasted:
            raise LoginPending(
                f"profile {profile.name} needs a login, and its redirect cannot come to this kernel",
                hint="Log in above, paste the address, then run this cell again.",
            )
        token = login.wait()
    finally:
        bundle = panel._repr_mimebundle_()
        update_display(bundle, raw=True, display_id=place)  # type: ignore[no-untyped-call,unused-ignore]
    cache.remember(token)
    return token


def _answer_while_busy(widget: widgets.Widget) -> None:
    """Let the front end choose the subshell that receives the messages of a widget.

    ipykernel 7.4 sends them to the shell of the cell that created the widget, and that cell may be waiting for
    them. The attribute is private. If it is missing, pasted text only arrives after the cell has ended.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005, SLF001 - see above


def _local(moment: float) -> str:
    """Return ``moment`` (seconds since the epoch) in local time, with the date if it is not today."""
    then = time.localtime(moment)
    today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M" if today else "%d %B, %H:%M", then)


def _line(kind: str, text: str, role: str = "status") -> str:
    return f'<div class="aventus-creds-{kind}" role="{role}">{text}</div>'


def _help(login: BackgroundLogin, *, in_cell: bool) -> str:
    if login.only_pasted:
        return "After the login, copy the address of the new tab, and paste it above."
    text = "If the new tab shows “cannot connect” after the login, copy its address and paste it above."
    if in_cell:  # a busy kernel receives it only if the front end and the kernel use subshells
        text += " If nothing happens then, interrupt the cell, and run it again when you are logged in."
    return text
