"""IPython magics: ``%load_ext aventus_creds`` adds ``%aventus_login`` and ``%aventus_status``."""

from __future__ import annotations

import shlex
import warnings
from typing import Any, Final

USAGE: Final = "%aventus_login [NAME] [--paste]"


def load(ipython: Any) -> None:
    """Add the magics to ``ipython``."""
    ipython.register_magic_function(aventus_login, "line")
    ipython.register_magic_function(aventus_status, "line")


def aventus_login(line: str) -> Any:
    """%aventus_login [NAME] [--paste]: show the login button. --paste asks in plain text, without widgets."""
    words = _words(line)
    if {"-h", "--help"} & set(words):
        print(aventus_login.__doc__)  # noqa: T201 - the output of the cell
        return None
    names = [word for word in words if not word.startswith("-")]
    if set(words) - set(names) - {"--paste"} or len(names) > 1:
        raise _usage_error(f"usage: {USAGE}")
    name = names[0] if names else None
    if "--paste" not in words:
        from aventus_creds.notebook.panel import LoginButton  # loads ipywidgets

        return LoginButton(name)
    from aventus_creds.notebook.paste import log_in_by_paste

    log_in_by_paste(name)
    return None


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
