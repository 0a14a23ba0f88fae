"""IPython magics: ``%load_ext aventus_creds`` adds ``%aventus_login`` and ``%aventus_status``."""

from __future__ import annotations

import shlex
from typing import Any

from aventus_creds.notebook.paste import log_in_by_paste


def load(ipython: Any) -> None:
    """Add the magics to ``ipython``."""
    ipython.register_magic_function(aventus_login, "line")
    ipython.register_magic_function(aventus_status, "line")


def aventus_login(line: str) -> Any:
    """%aventus_login [NAME] [--paste]: show the login button. --paste asks in plain text, without widgets."""
    words = shlex.split(line)
    names = [word for word in words if not word.startswith("-")]
    if set(words) - set(names) - {"--paste"} or len(names) > 1:
        raise ValueError("usage: %aventus_login [NAME] [--paste]")
    name = names[0] if names else None
    if "--paste" not in words:
        from aventus_creds.notebook.panel import LoginButton

        return LoginButton(name)

    log_in_by_paste(name)
    return None


def aventus_status(line: str) -> None:
    """%aventus_status [NAME]: show how long each login is valid."""
    from aventus_creds.cli.commands import run

    run(["status", *shlex.split(line)])
