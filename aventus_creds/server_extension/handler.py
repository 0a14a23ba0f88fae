"""Answers the redirect: passes it on to the login that waits, and shows what that says.

The query holds the authorization code. So it is taken out of the request before anything can log it, and neither
Jupyter's own parameters (``token``) nor its pages of errors see it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.callbacks import Reply, page
from aventus_creds.callbacks.page import Page, page_of
from aventus_creds.callbacks.rendezvous import Unanswered, ask
from aventus_creds.errors import StoreError

_OWN: Final = (
    "If the login is your own and waits elsewhere, copy the whole address of this page, paste it there, and give it to"
    " nobody."
)
_NOBODY: Final = Page(
    404,
    "No login on this server is waiting for this",
    "It may have ended. If somebody sent you the link of a login, close this tab: the login would have been yours, in"
    f" their hands.\n{_OWN}",
)
_NO_STATE: Final = Page(
    400, "This is not the answer to a login", "It has no state, so nobody knows which login it belongs to."
)
_UNANSWERED: Final = Page(
    502, "The login did not say how it ended", "Look at the notebook or the terminal where you began it."
)
_UNUSABLE: Final = Page(500, "The login cannot be found", f"The server's own folder cannot be used.\n{_OWN}")
_LOGGED_OUT: Final = Page(
    403,
    "Log in to this Jupyter server first",
    "This browser is not logged in to it. Do that in another tab, and then reload this page.",
)
_NOT_YOURS: Final = Page(
    403, "This is not your own Jupyter server", f"Only its owner's logins come back through it.\n{_OWN}"
)


class CallbackHandler(JupyterHandler):
    """Answers GET BASE_URL/aventus-creds/callback, for the server's own user.

    No POST: browsers leave cookies out of forms that come from other sites, so nobody would be logged in.
    """

    auth_resource = "kernels"  # whoever may run code here may end its logins

    def initialize(self, folder: PrivateFolder, owner: str) -> None:
        """Take the query out of the request, before anything logs it.

        Args:
            folder: where logins wait.
            owner: the name of the hub's user whose server this is, or "" without a hub.
        """
        self._folder, self._owner = folder, owner
        request = self.request
        self._uri, self._query = Hidden(request.uri), Hidden(request.query)
        request.query, request.arguments, request.query_arguments = "", {}, {}
        request.headers.pop("Referer", None)
        self._mask()

    @web.authenticated
    @authorized("execute")
    async def get(self) -> None:
        """Pass the redirect on, and show the reply."""
        if self._owner and self.current_user.username != self._owner:  # a guest, or an administrator
            self._show(_NOT_YOURS)
        else:
            self._show(await self._answer())

    async def _answer(self) -> Page:
        try:
            reply = await _in_thread(lambda: ask(self._folder, self._query))
        except Unanswered:
            return _UNANSWERED
        except StoreError:
            return _UNUSABLE
        if reply is None:
            return _NOBODY if "state=" in self._query.reveal() else _NO_STATE
        return page_of(reply)

    def get_login_url(self) -> str:
        """Return where to log in to this server, if the address of this page gets there in no URL.

        A hub keeps it in a cookie, and is often done without a question. Jupyter's own form of login would have it in
        its address, and so in its log.

        Raises:
            HTTPError: this browser must log in first.
        """
        url: str = super().get_login_url()
        if "?" not in url:
            raise web.HTTPError(403)
        self.request.uri = self._uri.reveal()  # for the cookie; see _log
        return url

    def set_default_headers(self) -> None:
        """Set the headers of the loopback listener's page."""
        super().set_default_headers()
        for name, value in page.HEADERS.items():
            if name != "Connection":
                self.set_header(name, value)

    def set_cors_headers(self) -> None:
        """Set none: no other page may read this one."""

    def compute_etag(self) -> None:
        """Return no tag: nobody keeps this page."""

    def write_error(self, status_code: int, **_: Any) -> None:
        """Show an error in the same way, and nothing of its text."""
        if status_code == 403:
            self._show(_NOT_YOURS if self.current_user or self._owner else _LOGGED_OUT)
        else:
            self._show(
                Page(status_code, "This is not understood", "Only GET requests are answered at this address.")
            )

    def _show(self, answer: Page) -> None:
        self.set_status(answer.status)
        self.finish(page.render(answer.heading, answer.text, good=answer.good))

    def _mask(self) -> None:
        self.request.uri = self.request.path

    def _log(self) -> None:
        """Log the request without its query."""
        self._mask()
        super()._log()

    def _request_summary(self) -> str:
        """Return what errors are logged with."""
        self._mask()
        return str(super()._request_summary())


async def _in_thread(work: Callable[[], Reply | None]) -> Reply | None:
    """Run ``work`` in a thread that does not keep the server from ending, and return what it does."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Reply | None] = loop.create_future()

    def settle(reply: Reply | None, fault: Exception | None) -> None:
        if done.cancelled():
            return
        if fault is None:
            done.set_result(reply)
        else:
            done.set_exception(fault)

    def run() -> None:
        reply, fault = None, None
        try:
            reply = work()
        except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
            fault = error
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(settle, reply, fault)

    threading.Thread(target=run, name="aventus-creds redirect", daemon=True).start()
    return await done
