"""Another user of this machine. Only root can be one, and CI runs the tests as root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

STRANGER = 12345
MYSELF = 12346
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="only root can be another user")


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Be the user ``uid``, in the group of the same number and in no other, for the files of this process."""
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
