"""A local authorization server and API that behave like the providers', to try things out and for tests.

It imports nothing from the client: if both shared a mistake, no test would find it. It needs the extra
``[sandbox]`` (Authlib, Flask, joserfc). The robot needs only requests.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aventus_creds.sandbox.journal import Record
    from aventus_creds.sandbox.server import Sandbox

__all__ = ["Record", "Sandbox"]

_missing = [name for name in ("authlib", "flask", "joserfc") if find_spec(name) is None]
if _missing:
    raise ImportError(
        f"the sandbox needs packages that are not installed ({', '.join(_missing)}):"
        " pip install 'aventus-creds[sandbox]'"
    )


def __getattr__(name: str) -> Any:
    """Load the server when it is first used, so that the robot starts without Flask."""
    if name == "Sandbox":
        from aventus_creds.sandbox.server import Sandbox

        return Sandbox
    if name == "Record":
        from aventus_creds.sandbox.journal import Record

        return Record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
