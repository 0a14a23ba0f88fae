"""Finds out whether a person can be asked, at a terminal or in a notebook. Imports no Jupyter and no marimo.

Visitors of a web application are not asked: the login would be one for all of them, and it would appear on the
server's terminal. See ``served``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from aventus_creds.errors import ConfigError, LoginRequired
from aventus_creds.profiles.profile import token_variable

REQUESTS: Final = {
    "aiohttp.web_protocol": "aiohttp",
    "bokeh.application": "Bokeh or Panel",
    "bokeh.server": "Bokeh or Panel",
    "bottle": "Bottle",
    "cheroot.server": "a WSGI server",
    "django.core.handlers": "Django",
    "flask.app": "Flask or Dash",
    "gradio.queueing": "Gradio",
    "gradio.routes": "Gradio",
    "gunicorn.workers.gthread": "a WSGI server",
    "nicegui.events": "NiceGUI",
    "nicegui.page": "NiceGUI",
    "shiny.reactive": "Shiny",
    "shiny.session": "Shiny",
    "socketserver": "a web server",
    "solara.server": "Solara",
    "starlette.routing": "an ASGI application",
    "streamlit.runtime": "Streamlit",
    "tornado.web": "Tornado",
    "waitress.task": "a WSGI server",
    "werkzeug.serving": "a WSGI server",
    "wsgiref.handlers": "a WSGI server",
}
"""Modules whose functions call the application when a request has come, and what people call the server.

Modules that also import the application (uvicorn, flask.cli) are not among them: while it is imported, the person
who has started it is there.
"""


IN_A_BROWSER: Final = sys.platform == "emscripten"
"""Whether this is Pyodide, as in JupyterLite. It has neither sockets nor threads, so no login can work there."""


def may_ask(interactive: bool | None) -> bool:  # noqa: FBT001 - the only argument
    """Whether a person may be asked to log in.

    Args:
        interactive: the caller's decision. None: AVENTUS_CREDS_INTERACTIVE decides, or else what
            ``person_can_answer`` finds.

    Raises:
        ConfigError: the variable is neither 0 nor 1.
    """
    if interactive is None:
        interactive = _said()
    return not IN_A_BROWSER and (person_can_answer() if interactive is None else interactive)


def may_show_login() -> bool:
    """Whether a panel may offer a login: as ``may_ask``, but a program without a terminal may show panels, too.

    Raises:
        ConfigError: AVENTUS_CREDS_INTERACTIVE is neither 0 nor 1.
    """
    if (said := _said()) is not None:
        return said
    kernel = jupyter_kernel()
    return served() is None and (kernel is None or front_end_can_answer(kernel))


def need_person(name: str) -> None:
    """Raise LoginRequired where a login to profile ``name`` was asked for, and certainly nobody can answer.

    That is in a notebook that a program executes, and in what is served to visitors. A script without a terminal may
    be watched by somebody all the same.
    """
    need_sockets(name)
    if (jupyter_kernel() is not None or served() is not None) and not may_ask(None):
        raise _required(name)


def need_sockets(name: str) -> None:
    """Raise LoginRequired where no login can work at all."""
    if IN_A_BROWSER:
        raise _required(name)


def _required(name: str) -> LoginRequired:
    hints = [f"Run: aventus-creds login {name}", advice(name)]
    return LoginRequired(f"nobody can log in to profile {name} here", hint="\n".join(filter(None, hints)))


def person_can_answer() -> bool:
    """Whether there is a person: at a terminal, or in a notebook with a front end that can answer.

    Some build services (``CI``) run their jobs at a pseudo-terminal, where nobody sits.
    """
    if served() is not None:
        return False
    if marimo_mode() is not None:
        return True
    if (kernel := jupyter_kernel()) is not None:
        return front_end_can_answer(kernel)
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        return False
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # None under pythonw and in some daemons, or closed
        return False


def advice(name: str, interactive: bool | None = None) -> str:  # noqa: FBT001 - get_session's own argument
    """Return what to do where nobody is asked to log in to profile ``name`` although a person may be there, or ""."""
    if IN_A_BROWSER:
        return (
            "That cannot be done in a browser's Python (Pyodide, JupyterLite). Log in on another machine, and pass its"
            f' token on: os.environ["{token_variable(name)}"] = "…", from: aventus-creds token {name}'
        )
    if interactive is not None or _said() is not None:
        return ""
    if server := served():
        return (
            f"This runs in {server} for visitors, and all of them would share one login: log in outside of it, as the"
            " user who runs it."
        )
    if jupyter_kernel() is not None:
        return (
            "If you are sitting at this notebook, pass interactive=True, or set AVENTUS_CREDS_INTERACTIVE=1."
        )
    return ""


def served() -> str | None:
    """Return what serves the running code to visitors, such as "Flask or Dash", or None if nothing known does."""
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):  # Voila sets it for its kernels
        return "Voila"
    if marimo_mode() == "run" and not _from_this_machine():
        return "marimo"
    for frame in _frames():
        # A thread where Starlette and FastAPI run functions that are not asynchronous.
        if frame.f_code.co_qualname == "WorkerThread.run" and "starlette.routing" in sys.modules:
            return REQUESTS["starlette.routing"]
        module = str(frame.f_globals.get("__name__", ""))
        while module:
            if module in REQUESTS:
                return REQUESTS[module]
            module = module.rpartition(".")[0]
    return None


def marimo_mode() -> str | None:
    """Return "edit" or "run" if this code runs in a marimo notebook that somebody sees, or None."""
    marimo = sys.modules.get("marimo")
    mode: str | None = marimo.app_meta().mode if marimo is not None and hasattr(marimo, "app_meta") else None
    return mode if mode in {"edit", "run"} else None


def _from_this_machine() -> bool:
    """Whether the page of a marimo application was asked for from this machine, and through no proxy."""
    request = sys.modules["marimo"].app_meta().request
    if request is None:
        return False
    forwarded = {"forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    return request.url.get("hostname") in {"127.0.0.1", "localhost", "::1"} and not (
        forwarded & {name.lower() for name in request.headers}
    )


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - what the traceback module uses, too
    while frame is not None:
        yield frame
        frame = frame.f_back


def _said() -> bool | None:
    """Return what AVENTUS_CREDS_INTERACTIVE says, or None if it is not set."""
    said = os.environ.get("AVENTUS_CREDS_INTERACTIVE")
    if not said:
        return None
    if said not in {"0", "1"}:
        raise ConfigError(f"AVENTUS_CREDS_INTERACTIVE must be 0 or 1, not {said!r}")
    return said == "1"


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
