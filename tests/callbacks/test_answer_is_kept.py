"""A flood while the redirect is being answered: the code works only once, so its page must not be lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from attempts import connect, follow
from loopback_listener import Listen, port_of

from aventus_creds.callbacks import Reply
from aventus_creds.callbacks.connections import MOST_CONNECTIONS


def test_the_redirect_that_is_being_answered_is_not_dropped(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the oldest connection by far, and all the younger ones are idle."""
    callback, attempt = listen()
    reached, done = threading.Event(), threading.Event()

    def deliver(_: str) -> Reply:
        reached.set()
        assert done.wait(20)
        return Reply(ended=True, success=True, text="Logged in.")

    monkeypatch.setattr(attempt, "deliver", deliver)
    with ThreadPoolExecutor(1) as pool, ExitStack() as opened:
        page = pool.submit(follow, callback.redirect_uri, "right")
        assert reached.wait(5)
        idle = [opened.enter_context(connect(port_of(callback))) for _ in range(MOST_CONNECTIONS + 5)]
        assert idle[0].recv(1) == b""  # dropped: an older one that is idle would be gone before it
        done.set()
        assert page.result(10).status == 200
