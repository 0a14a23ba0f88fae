"""Finds out whether a person can be asked, at a terminal or in a notebook. Imports no Jupyter."""

from __future__ import annotations

import os
import sys
from typing import Any

from aventus_creds.errors import ConfigError


def may_ask(interactive: bool | None) -> bool:  # noqa: FBT001 - the only argument
    """Whether a person may be asked to log in.

    Args:
        interactive: the caller's decision. None: AVENTUS_CREDS_INTERACTIVE decides, or else what
            ``person_can_answer`` finds.

    Raises:
        ConfigError: the variable is neither 0 nor 1.
    """
    if interactive is not None:
        return interactive
    if said := os.environ.get("AVENTUS_CREDS_INTERACTIVE"):
        if said not in {"0", "1"}:
            raise ConfigError(f"AVENTUS_CREDS_INTERACTIVE must be 0 or 1, not {said!r}")
        return said == "1"
    return person_can_answer()


def person_can_answer() -> bool:
    """Whether there is a person: at a terminal, or in a notebook with a front end that can answer.

    Some build services (``CI``) run their jobs at a pseudo-terminal, where nobody sits.
    """
    if (kernel := jupyter_kernel()) is not None:
        return front_end_can_answer(kernel)
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        return False
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # None under pythonw and in some daemons, or closed
        return False


def jupyter_kernel() -> Any:
    """Return the Jupyter kernel of this process, or None. IPython in a terminal has none."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # type: ignore[attr-defined,unused-ignore]

    shell: Any = get_ipython()  # type: ignore[misc,no-untyped-call,unused-ignore]
    return getattr(shell, "kernel", None)


def front_end_can_answer(kernel: Any) -> bool:
    """Whether the front end that runs the current cell can answer a question.

    nbclient, papermill and scheduled runs cannot. Each cell comes with this information, so look it up each
    time.

    Args:
        kernel: as ``jupyter_kernel`` returns it.
    """
    try:
        content = kernel.get_parent("shell")["content"]
    except (AttributeError, KeyError, LookupError, TypeError):  # this kernel keeps it elsewhere
        content = {}
    return bool(content.get("allow_stdin", getattr(kernel, "_allow_stdin", False)))
