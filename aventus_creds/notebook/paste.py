"""PasteCallback: a link and a hidden question, for notebook front ends that show no widgets."""

from __future__ import annotations

import getpass
import html
import uuid

from aventus_creds.basics.hidden import Hidden
from aventus_creds.callbacks import Attempt
from aventus_creds.callbacks.console import query_of
from aventus_creds.errors import LoginTimeout
from aventus_creds.logins.login import log_in
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores.opening import store_for
from aventus_creds.tokens import Token


def log_in_by_paste(name: str | None) -> Token:
    """Let the person log in to the profile ``name`` by a plain link and a hidden question.

    Raises what ``aventus_creds.login`` raises.
    """
    profile = read_profiles().profile(name)._replace(callback="paste")
    return log_in(profile, cached_source(profile, store_for(profile)).keep, panel=PasteCallback)


class PasteCallback:
    """Asks in the cell itself, by getpass: what is typed at input() would be saved into the notebook.

    It never runs beside a listener, whose success could not close the question.
    """

    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        self._place = f"aventus-creds-{uuid.uuid4().hex}"

    def start(self, attempt: Attempt) -> None:
        """Show the link, and ask until the login has ended or nothing is entered."""
        from IPython.display import display, update_display

        display(_link(attempt), raw=True, display_id=self._place)  # type: ignore[no-untyped-call,unused-ignore]
        question = "After the login, paste the address of the new tab here (it is not shown): "
        try:
            while not attempt.ended.is_set():
                pasted = Hidden(getpass.getpass(question))
                if not pasted.reveal().strip():
                    attempt.fail(LoginTimeout("nothing was pasted", hint="Run it again to begin anew."))
                    return
                reply = attempt.deliver(query_of(pasted.reveal()))
                question = f"That was not it: {reply.text}. Copy the whole address and paste it again: "
        finally:  # outputs are saved: the address, which holds the state, must not stay
            update_display({"text/plain": ""}, raw=True, display_id=self._place)  # type: ignore[no-untyped-call,unused-ignore]

    def close(self) -> None:
        """Nothing is left to close."""


def _link(attempt: Attempt) -> dict[str, str]:
    link = f'<a target="_blank" rel="noopener noreferrer" href="{html.escape(attempt.url, quote=True)}">'
    return {
        "text/plain": f"{attempt.title}: {attempt.url}",
        "text/html": f"{link}{html.escape(attempt.title)}</a>",
    }
