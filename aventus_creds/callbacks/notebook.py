"""Telling whether this process is a notebook's kernel, and whether somebody looks at it. Imports no Jupyter."""

from __future__ import annotations

import sys
from typing import Any


def jupyter_kernel() -> Any:
    """Return the Jupyter kernel that runs this process, or None. Terminal IPython has none."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # type: ignore[attr-defined,unused-ignore]

    return getattr(get_ipython(), "kernel", None)


def front_end_can_answer(kernel: Any) -> bool:
    """Whether the front end that runs the current cell can answer a question.

    nbclient, papermill and scheduled runs say no. It is told with each cell, so it is looked up each time.
    """
    try:
        content = kernel.get_parent("shell")["content"]
    except (AttributeError, KeyError, LookupError, TypeError):  # a kernel that keeps it elsewhere
        content = {}
    return bool(content.get("allow_stdin", getattr(kernel, "_allow_stdin", False)))
