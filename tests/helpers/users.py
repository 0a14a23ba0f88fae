"""Another user of this machine. Only root can be one, and CI runs the tests as root."""

from __future__ import annotations

import codecs
import os
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest

import aventus_creds

STRANGER = 12345
MYSELF = 12346
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="only root can be another user")


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Be the user ``uid``, in the group of the same number and in no other, for the files of this process."""
    _import_all()
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _import_all() -> None:
    """Import what is imported late: the folders of root's Python may be closed to others."""
    for module in pkgutil.walk_packages(aventus_creds.__path__, "aventus_creds."):
        if module.name.split(".")[1] in {"basics", "oauth", "profiles", "session", "sources", "stores"}:
            import_module(module.name)
    for name in ("filelock", "grp", "pwd", "shlex", "subprocess", "tempfile", "encodings.idna"):
        import_module(name)
    codecs.lookup("utf-8-sig")
