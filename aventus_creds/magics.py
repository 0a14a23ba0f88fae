"""IPython magics: ``%load_ext aventus_creds`` adds ``%aventus_login`` and ``%aventus_status``."""

from __future__ import annotations

import shlex
import sys
import warnings
from typing import Any, Final

USAGE: Final = "%aventus_login [NAME] [--paste]"


def load(ipython: Any) -> None:
    """Add the magics to ``ipython``."""
    ipython.register_magic_function(aventus_login, "line")
    ipython.register_magic_function(aventus_status, "line")


def aventus_login(line: str) -> Any:
    """%aventus_login [NAME] [--paste]: show the login button. --paste asks in plain text, without widgets.

    IPython in a terminal shows no widgets: there, log in as the command ``aventus-creds login`` does.
    """
    words = _words(line)
    if {"-h", "--help"} & set(words):
        print(aventus_login.__doc__ or USAGE)  # noqa: T201 - the output of the cell
        return None
    names = [word for word in words if not word.startswith("-")]
    if set(words) - set(names) - {"--paste"} or len(names) > 1:
        raise _usage_error(f"usage: {USAGE}")
    name = names[0] if names else None
    if _at_terminal():
        _log_in_at_terminal(name, paste="--paste" in words)
        return None
    if "--paste" in words:
        from aventus_creds.notebook.paste import log_in_by_paste

        log_in_by_paste(name)
        return None
    from aventus_creds.notebook.panel import LoginButton  # loads ipywidgets

    return LoginButton(name)


def aventus_status(line: str) -> None:
    """%aventus_status [NAME]: show how long each login is valid."""
    from aventus_creds.cli.commands import run

    with warnings.catch_warnings():  # the program shows them in its own way; the notebook's stays
        run(["status", *_words(line)])


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as fault:  # a quote that is not closed
        raise _usage_error(str(fault)) from None


def _usage_error(text: str) -> Exception:
    """Return the error that IPython shows in one line."""
    from IPython.core.error import UsageError

    return UsageError(text)


def _at_terminal() -> bool:
    """Whether this is IPython in a terminal. Shells without a kernel of ours may still show widgets."""
    terminal = sys.modules.get("IPython.terminal.interactiveshell")
    if terminal is None:
        return False
    from IPython import get_ipython  # type: ignore[attr-defined,unused-ignore]

    return isinstance(get_ipython(), terminal.TerminalInteractiveShell)  # type: ignore[no-untyped-call,unused-ignore]


def _log_in_at_terminal(name: str | None, *, paste: bool) -> None:
    from aventus_creds.basics.terminal import say
    from aventus_creds.logins.login import log_in
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.sources.chain import cached_source
    from aventus_creds.stores.opening import store_for

    profile = read_profiles().profile(name)
    if paste:
        profile = profile._replace(callback="paste")
    log_in(profile, cached_source(profile, store_for(profile)).keep)
    say(f"Logged in to {profile.name}.")
