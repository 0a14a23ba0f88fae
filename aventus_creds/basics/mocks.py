"""requests-mock, in the tests of a program that uses this library."""

from __future__ import annotations

import sys


def must_share_a_thread() -> bool:
    """Whether a token request has to be sent in the thread that needs the token.

    While requests-mock answers a request, its thread holds a lock. A refresh after a 401 happens then, and from
    any other thread it would wait for that lock until requests-mock gives up.
    """
    if "requests_mock" not in sys.modules:
        return False
    import requests

    return requests.Session.send.__module__.startswith("requests_mock")
