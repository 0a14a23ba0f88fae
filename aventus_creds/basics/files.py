"""Read a file with a size limit: something else may be in its place, and a device, for example, never ends."""

from __future__ import annotations

import io
import os
from typing import Final

CHUNK: Final = 65536


def read_at_most(descriptor: int, most: int) -> bytes:
    """Read ``descriptor`` to its end, but return at most the first ``most`` bytes.

    Args:
        descriptor: an open file descriptor. It stays open.
        most: the largest number of bytes to return. What follows is cut off without an error.

    Raises:
        OSError: reading failed.
    """
    content = io.BytesIO()  # its repr shows no content, so a traceback with variables leaks nothing
    while content.tell() < most and content.write(os.read(descriptor, CHUNK)):
        pass
    return content.getvalue()[:most]
