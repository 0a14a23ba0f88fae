"""PasteCallback: a link and a hidden prompt, for notebook front ends that show no widgets."""

from __future__ import annotations

import getpass
import html
import uuid

from aventus_creds.basics.hidden import Hidden
from aventus_creds.callbacks import Attempt
from aventus_creds.callbacks.pasted import query_of, why_not
from aventus_creds.errors import LoginTimeout
from aventus_creds.logins.login import log_in
from aventus_creds.notebook.registry import shown_login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.chain import shared_source
from aventus_creds.stores.opening import store_for
from aventus_creds.tokens import Token


def offer_magics() -> None:
    """Register the magics, so that the advice to run ``%aventus_login`` works as it is written."""
    from IPython import get_ipython  # type: ignore[attr-defined,unused-ignore]

    shell = get_ipython()  # type: ignore[no-untyped-call,unused-ignore]
    if shell is not None and "aventus_login" not in shell.magics_manager.magics["line"]:
        from aventus_creds import load_ipython_extension

        load_ipython_extension(shell)  # not %load_ext, which would say "already loaded" to the user's own


def log_in_by_paste(name: str | None) -> Token:
    """Let the user log in with a plain link and a hidden prompt for the address after the login.

    Args:
        name: the name of the profile. None means ``AVENTUS_CREDS_PROFILE``, then the default of the file.

    Returns:
        The new token. If it could not be stored, NotSavedWarning is issued.

    Raises:
        ConfigError: the profile or something it needs is missing or wrong.
        LoginError: the user did not log in, or the login was refused.
        ServerError, NetworkError: the authorization server refused, or cannot be reached.
        StoreError: the token store cannot be used.
    """
    if shown := shown_login(name):  # what the panel shows may come from another file, or be stored elsewhere
        profile, cache = shown.profile, shown.cache
    else:
        profile = read_profiles().profile(name)
        cache = shared_source(profile, store_for(profile))
    return log_in(profile._replace(callback="paste"), cache.keep, panel=PasteCallback)


class PasteCallback:
    """Asks for the address in the cell with getpass, because text typed at input() is saved into the notebook.

    It never runs together with a listener: if the listener received the redirect, the prompt would stay open.
    """

    def __init__(self, redirect_uri: str, _: str = "") -> None:  # it always pastes, so no reason is given
        self.redirect_uri = redirect_uri
        self._place = f"aventus-creds-{uuid.uuid4().hex}"

    def start(self, attempt: Attempt) -> None:
        """Show the link, and ask until the login ends or the user enters nothing."""
        from IPython.display import display, update_display

        display(_link(attempt), raw=True, display_id=self._place)  # type: ignore[no-untyped-call,unused-ignore]
        question = "After the login, paste the address of the new tab here (it is not shown): "
        try:
            while not attempt.ended.is_set():
                pasted = Hidden(getpass.getpass(question))
                if not pasted.reveal().strip():
                    attempt.fail(LoginTimeout("nothing was pasted", hint="Run it again to begin anew."))
                    return
                query = Hidden(query_of(pasted.reveal()))
                reply = attempt.deliver(query.reveal())
                question = f"{why_not(query.reveal(), reply.text, self.redirect_uri)} Paste it here: "
        finally:  # outputs are saved, so remove the address, which contains the OAuth state
            update_display({"text/plain": ""}, raw=True, display_id=self._place)  # type: ignore[no-untyped-call,unused-ignore]

    def close(self) -> None:
        """Do nothing: ``start`` has cleaned up already."""


def _link(attempt: Attempt) -> dict[str, str]:
    link = f'<a target="_blank" rel="noopener noreferrer" href="{html.escape(attempt.url, quote=True)}">'
    return {
        "text/plain": f"{attempt.title}: {attempt.url}",
        "text/html": f"{link}{html.escape(attempt.title)}</a>",
    }
