"""Reading a file that may be larger than anything that belongs there: a device, say, never ends."""

from __future__ import annotations

import io
import os
from typing import Final

CHUNK: Final = 65536


def read_at_most(descriptor: int, most: int) -> bytes:
    """Return what can be read from ``descriptor``, or the first ``most`` bytes of it. Raises OSError."""
    content = io.BytesIO()  # a variable that shows nothing of it in a traceback
    while content.tell() < most and content.write(os.read(descriptor, CHUNK)):
        pass
    return content.getvalue()[:most]
