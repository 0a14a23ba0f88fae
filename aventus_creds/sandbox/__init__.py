"""A local authorization server and API that speak the providers' dialects, for trying out and for tests.

It imports nothing from the client: a mistake shared by both would pass on both sides. It needs the extra
``[sandbox]`` (Authlib, Flask, joserfc); the robot needs only requests.
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
    """Load the server when it is first asked for, so that the robot starts without Flask."""
    if name == "Sandbox":
        from aventus_creds.sandbox.server import Sandbox

        return Sandbox
    if name == "Record":
        from aventus_creds.sandbox.journal import Record

        return Record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
