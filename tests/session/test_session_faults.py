"""The session over real sockets: what an error that leaves it holds, and what it does not."""

from __future__ import annotations

import pickle
import secrets
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import requests
from IPython.core.ultratb import VerboseTB
from session_source import Source, redirecting
from sockets import Authority, RawServer, says
from support import Sent, Web, free_port, make_token

from aventus_creds.session.session import ApiSession

Make = Callable[..., ApiSession]
TOKENS = [make_token(secrets.token_urlsafe(), refresh_token=secrets.token_urlsafe()) for _ in range(3)]


@contextmanager
def refused(authority: Authority) -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def dropped(authority: Authority) -> Iterator[str]:
    with RawServer(says()) as server:
        yield server.url


@contextmanager
def reset(authority: Authority) -> Iterator[str]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with RawServer(talk) as server:
        yield server.url


@contextmanager
def silent(authority: Authority) -> Iterator[str]:
    with RawServer(lambda _: time.sleep(2)) as server:
        yield server.url


@contextmanager
def untrusted(authority: Authority) -> Iterator[str]:
    with authority.web() as web:
        yield web.url


@contextmanager
def cut_off(authority: Authority) -> Iterator[str]:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    with RawServer(says(head)) as server:
        yield server.url


@contextmanager
def garbled(authority: Authority) -> Iterator[str]:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    with RawServer(says(head)) as server:
        yield server.url


@contextmanager
def turning(authority: Authority) -> Iterator[str]:
    with Web() as web:
        web.answer = lambda _: Sent(302, headers={"Location": "/again"})
        yield web.url


@contextmanager
def refused_repeat(authority: Authority) -> Iterator[str]:
    with Web() as web:
        web.answer = lambda seen: Sent(401) if len(web.seen) == 1 else Sent(drop=True)
        yield web.url


@contextmanager
def refused_after_redirect(authority: Authority) -> Iterator[str]:
    with Web() as web:
        web.answer = lambda seen: redirecting("/x")(seen) if seen.path == "/start" else Sent(drop=True)
        yield web.url


FAULTS = [
    (refused, requests.ConnectionError),
    (dropped, requests.ConnectionError),
    (reset, requests.ConnectionError),
    (silent, requests.ReadTimeout),
    (untrusted, requests.exceptions.SSLError),
    (cut_off, requests.exceptions.ChunkedEncodingError),
    (garbled, requests.exceptions.ContentDecodingError),
    (turning, requests.TooManyRedirects),
    (refused_repeat, requests.ConnectionError),
    (refused_after_redirect, requests.ConnectionError),
]


@pytest.mark.parametrize("method", ["GET", "POST", "stream"])
@pytest.mark.parametrize(("world", "kind"), FAULTS, ids=[world.__name__ for world, _ in FAULTS])
def test_no_error_of_requests_holds_the_token(
    authority: Authority, make_session: Make, slept: list[float], *, world: Any, kind: Any, method: str
) -> None:
    """Type, message, request and response stay: frames, contexts and headers that hold the token do not."""
    with world(authority) as url:
        session = make_session(url, Source(*TOKENS), retries=2, timeout=0.3)
        with pytest.raises(kind) as caught:
            send(session, method)
    error: requests.RequestException = caught.value
    assert shown_in(error) == []
    assert str(error)
    if error.request is not None and method != "stream":  # requests itself gives some errors none
        assert error.request.headers["X-Own"] == "1"
        pickle.dumps(error.request)
    if kind is requests.TooManyRedirects:
        assert error.response is not None
        assert error.response.status_code == 302


def send(session: ApiSession, method: str) -> None:
    if method != "stream":
        session.request(method, "/start", json={"a": 1}, headers={"X-Own": "1"})
        return
    with closing(session.get("/start", stream=True)) as response:
        for _ in response.iter_content(1):
            pass


def shown_in(error: BaseException) -> list[int]:
    """Return the numbers of the TOKENS that the error shows."""
    text = everything_in(error)
    return [number for number, token in enumerate(TOKENS) if token.access_token in text]


def everything_in(error: BaseException) -> str:
    """Return the error as tools show it, and all that can be reached from it: frames, contexts, arguments, requests."""
    shown = [*traceback.TracebackException.from_exception(error, capture_locals=True).format()]
    shown += VerboseTB().text(type(error), error, error.__traceback__)
    rest: list[Any] = [error]
    seen: set[int] = set()
    while rest:
        one = rest.pop()
        if id(one) in seen or one is None:
            continue
        seen.add(id(one))
        shown.append(repr(one))
        if isinstance(one, BaseException):
            rest += [one.__cause__, one.__context__, *one.args, *vars(one).values()]
            for frame, _ in traceback.walk_tb(one.__traceback__):
                shown.append(repr(frame.f_locals))
        if isinstance(one, requests.Response):
            rest += [one.request, *one.history]
        if isinstance(one, requests.PreparedRequest):
            shown.append(f"{one.headers} {one.hooks}")
    return "\n".join(shown)


def test_the_frames_of_the_caller_stay(web: Web, make_session: Make) -> None:
    """An error in the caller's own hook still shows where it comes from."""

    def hook(response: requests.Response, **_: Any) -> None:
        response.close()
        raise ZeroDivisionError("in the hook")

    with pytest.raises(ZeroDivisionError) as caught:
        make_session(web).get("/", hooks={"response": hook})
    assert "hook" in [frame.f_code.co_name for frame, _ in traceback.walk_tb(caught.value.__traceback__)]


def test_an_error_for_the_status(web: Web, make_session: Make) -> None:
    """raise_for_status in a hook, as many programs have it."""
    web.answer = lambda _: Sent(500, b"broken")
    session = make_session(web, Source(*TOKENS))
    session.hooks["response"].append(lambda response, **_: response.raise_for_status())
    with pytest.raises(requests.HTTPError, match="500 Server Error") as caught:
        session.get("/")
    assert caught.value.response is not None
    assert caught.value.response.text == "broken"
    assert shown_in(caught.value) == []


class OutOfTime(Exception):
    """What a job's own time limit raises."""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no alarms")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, OutOfTime])
def test_an_interrupted_request(make_session: Make, kind: type[BaseException]) -> None:
    """Ctrl-C, or a job's own time limit, in the midst of a request."""

    def interrupt(*_: object) -> None:
        raise kind

    before = signal.signal(signal.SIGALRM, interrupt)

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        signal.pthread_kill(main, signal.SIGALRM)
        time.sleep(0.5)

    main = threading.main_thread().ident or 0
    try:
        with RawServer(talk) as server, pytest.raises(kind) as caught:
            make_session(server.url, Source(*TOKENS)).get("/")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert shown_in(caught.value) == []
