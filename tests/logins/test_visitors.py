"""Web applications: a visitor's request never asks anybody, wherever the server was started. Real servers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
from support import Web

from aventus_creds import LoginRequired, get_session, login
from aventus_creds.logins import person
from aventus_creds.logins.person import REQUESTS, advice, may_ask, may_show_login, served

WriteProfiles = Callable[..., Path]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch, write_profiles: WriteProfiles, web: Web) -> None:
    """The server was started from a terminal, where somebody might be asked."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(getattr(sys, name), "isatty", lambda: True, raising=False)
    write_profiles(
        {
            "prod": {
                "authorize_url": f"{web.url}/authorize",
                "token_url": f"{web.url}/token",
                "client_id": "someone",
                "redirect_uri": "http://127.0.0.1:0/callback",
                "api_url": web.url,
            }
        }
    )


def ask() -> str:
    """Do what an application does for a visitor, and return what comes of it."""
    said = []
    for call in (get_session, login):
        try:
            call("prod")
        except LoginRequired as required:
            said.append(str(required))
    assert not may_show_login()
    return "\n".join(said)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def in_flask(environ: Any, start_response: Any) -> Any:
    from flask import Flask

    app = Flask("an_application")
    app.add_url_rule("/", view_func=ask)
    return app(environ, start_response)


def in_wsgi(_: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [ask().encode()]


class InHttpServer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = ask().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(application: Any) -> Iterator[int]:
    if application is InHttpServer:
        server: Any = ThreadingHTTPServer(("127.0.0.1", 0), InHttpServer)
    else:
        server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "application", [in_flask, in_wsgi, InHttpServer], ids=["Flask", "WSGI", "http.server"]
)
def test_a_request_asks_nobody(application: Any) -> None:
    """LoginRequired at once, for get_session and for login, with the reason; the visitor is not kept waiting."""
    with serving(application) as port:
        text = requests.get(f"http://127.0.0.1:{port}/", timeout=20).text
    assert text.count("aventus-creds login prod\n") == 2
    assert "for visitors, and all of them would share one login" in text


def test_a_thread_of_an_asgi_application_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette runs functions in threads of AnyIO; a script that uses AnyIO for itself is no server."""
    anyio = pytest.importorskip("anyio")

    async def in_a_thread() -> str | None:
        found: str | None = await anyio.to_thread.run_sync(served)
        return found

    monkeypatch.delitem(sys.modules, "starlette.routing", raising=False)
    assert anyio.run(in_a_thread) is None
    monkeypatch.setitem(sys.modules, "starlette.routing", sys)
    assert anyio.run(in_a_thread) == "an ASGI application"


def test_whoever_starts_the_server_is_asked() -> None:
    """Outside of a request, and while a server only imports the application, the terminal is the person's."""
    assert served() is None
    assert may_ask(None)
    frame = {"__name__": "flask.cli", "may_ask": may_ask}
    assert eval("may_ask(None)", frame)


@pytest.mark.parametrize("module", sorted(REQUESTS))
def test_every_server_of_the_table(module: str) -> None:
    """The frames of its module, or of one below it, are those of a request."""
    for name in (module, f"{module}.part"):
        assert eval("served()", {"__name__": name, "served": served}) == REQUESTS[module]
    assert eval("served()", {"__name__": f"{module}s", "served": served}) is None


def test_voila_says_that_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernels have a variable for that; nothing else tells them apart."""
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.8")
    assert served() == "Voila"
    assert not may_ask(None)


def test_the_callers_word_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """interactive=True, or the variable, is heeded in a request as well."""
    frame = {"__name__": "flask.app", "may_ask": may_ask}
    assert eval("may_ask(True)", frame) is True
    assert eval("may_ask(None)", frame) is False
    monkeypatch.setenv("AVENTUS_CREDS_INTERACTIVE", "1")
    assert eval("may_ask(None)", frame) is True


def test_a_browsers_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pyodide has no sockets: whatever the caller says, nobody is asked, and the hint names the injected token."""
    monkeypatch.setattr(person, "IN_A_BROWSER", True)
    with pytest.raises(LoginRequired, match="AVENTUS_CREDS_TOKEN_PROD"):
        get_session("prod", interactive=True)
    with pytest.raises(LoginRequired, match="AVENTUS_CREDS_TOKEN_PROD"):
        login("prod", browser=lambda _: None)
    assert advice("my-api", interactive=False).count("AVENTUS_CREDS_TOKEN_MY_API") == 1
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_PROD", "injected")
    assert get_session("prod").get("/").status_code == 200
