"""The session over real sockets: its pool of connections, and adapters of the caller's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from requests.adapters import HTTPAdapter
from session_source import bearers
from sockets import Authority
from support import Seen, Sent, Web
from urllib3.util.ssl_ import create_urllib3_context

from aventus_creds.session.retries import RetryingAdapter
from aventus_creds.session.session import ApiSession

Make = Callable[..., ApiSession]


@pytest.mark.parametrize("body", [None, "stream"])
@pytest.mark.parametrize("threads", [32, 100])
def test_the_pool_fits(
    web: Web, make_session: Make, caplog: pytest.LogCaptureFixture, *, threads: int, body: str | None
) -> None:
    """As many connections are kept as there are threads: none is thrown away with a warning, and all are used again."""
    together = threading.Barrier(threads, timeout=20)
    connections = set()

    def answer(seen: Seen) -> Sent:
        together.wait()
        connections.add(threading.get_ident())  # the server has a thread for each connection
        return Sent()

    web.answer = answer
    session = make_session(web, timeout=20)
    data = (lambda: iter([b"x"])) if body else lambda: None
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(2):
            done = [pool.submit(session.post, "/", data=data()) for _ in range(threads)]
            assert {one.result().status_code for one in done} == {200}
    assert caplog.messages == []
    assert len(connections) == threads


class OwnTls(RetryingAdapter):
    """An adapter of the caller's own, as the documentation shows it."""

    def __init__(self, retries: int, bundle: str) -> None:
        self._bundle = bundle
        super().__init__(retries)

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        context = create_urllib3_context()
        context.load_verify_locations(self._bundle)
        super().init_poolmanager(*args, ssl_context=context, **settings)

    def add_headers(self, request: Any, **_: Any) -> None:
        request.headers["X-Own"] = "1"


@pytest.mark.parametrize("data", [None, "stream"])
def test_an_own_adapter_keeps_the_retries(
    authority: Authority, make_session: Make, slept: list[float], data: str | None
) -> None:
    """A stream is sent once, through the same adapter; all else is retried as the profile says."""
    with authority.web() as api:
        session = make_session(api)
        session.verify = str(authority.bundle)
        session.mount("https://", OwnTls(session.profile.retries, str(authority.bundle)))
        api.answer = lambda _: Sent(503 if len(api.seen) < 3 else 200)
        response = session.put("/", data=iter([b"x"]) if data else b"x")
    assert response.status_code == (503 if data else 200)
    assert bearers(api) == ["Bearer token-1"] * (1 if data else 3)
    assert {seen.headers["X-Own"] for seen in api.seen} == {"1"}


class Tagging(HTTPAdapter):
    """An adapter of somebody else's, with a setting of its own."""

    def __init__(self, tag: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.tag = tag

    def send(self, request: Any, *args: Any, **settings: Any) -> Any:
        request.headers["X-Tag"] = self.tag
        return super().send(request, *args, **settings)


class Both(RetryingAdapter, Tagging):
    """Combined as the documentation says."""


@pytest.mark.parametrize("data", [None, "stream"])
def test_an_adapter_of_somebody_elses(
    web: Web, make_session: Make, slept: list[float], data: str | None
) -> None:
    """It gets its settings, and each request, retried or not."""
    session = make_session(web)
    session.mount("http://", Both(session.profile.retries, tag="mine"))
    web.answer = lambda _: Sent(503 if len(web.seen) < 3 else 200)
    assert session.put("/", data=iter([b"x"]) if data else b"x").status_code == (503 if data else 200)
    assert [seen.headers["X-Tag"] for seen in web.seen] == ["mine"] * (1 if data else 3)
