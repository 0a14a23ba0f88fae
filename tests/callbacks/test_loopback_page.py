"""The page that the listener answers with, and the headers that protect it."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from urllib.parse import urlsplit

import pytest
from attempts import CODE, Login, connect, follow, read_page, request_bytes, send, state_of
from loopback_listener import Listen, port_of

from aventus_creds.callbacks import Reply
from aventus_creds.oauth.answer import Answer

# --- the page


def test_success_is_shown_only_when_the_token_is_stored(login: tuple[str, Login]) -> None:
    """The page waits for the exchange and for the store."""
    uri, under_way = login
    storing, stored = threading.Event(), threading.Event()

    def save(_: object) -> None:
        storing.set()
        assert stored.wait(5)

    under_way.attempt._save = save
    with connect(urlsplit(uri).port or 0) as connection:
        connection.sendall(request_bytes(f"/callback?{under_way.query()}", Host=urlsplit(uri).netloc))
        assert storing.wait(5)
        connection.settimeout(0.15)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert not under_way.attempt.ended.is_set()
        stored.set()
        connection.settimeout(5)
        page = read_page(connection)
    assert page.status == 200
    assert "Logged in to prod." in page.body


def test_a_failed_exchange_shows_the_error_escaped(login: tuple[str, Login]) -> None:
    """What the server says may hold HTML."""
    uri, under_way = login
    under_way.endpoint.answer = Answer(
        400,
        "application/json",
        b'{"error": "invalid_grant", "error_description": "<script>alert(1)</script>&"}',
    )
    page = follow(uri, under_way.query())
    assert "The login failed" in page.body
    assert "Logged in" not in page.body
    assert "invalid_grant: &lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page.body
    assert "<script" not in page.body


def test_a_redirect_with_an_error_shows_it_escaped(login: tuple[str, Login]) -> None:
    """The description stands in the address."""
    uri, under_way = login
    query = (
        f"error=access_denied&error_description=%3Cimg%20src%3Dx%3E&state={state_of(under_way.attempt.url)}"
    )
    page = follow(uri, query)
    assert "The login failed" in page.body
    assert "access_denied: &lt;img src=x&gt;" in page.body
    assert "<img" not in page.body


def test_a_failure_that_nobody_foresaw_has_a_page_too(login: tuple[str, Login]) -> None:
    """The person at the browser is told, not left with a broken connection."""
    uri, under_way = login
    under_way.endpoint.fault = RuntimeError(f"no {CODE}")
    page = follow(uri, under_way.query())
    assert "The login failed" in page.body
    assert "RuntimeError" in page.body
    assert CODE not in page.body


def test_the_heading_is_escaped_too(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the attempt says may hold anything, also where it is good news."""
    callback, attempt = listen()
    reply = Reply(ended=True, success=True, text="Logged in to <b>&")
    monkeypatch.setattr(attempt, "deliver", lambda _: reply)
    page = follow(callback.redirect_uri, "right")
    assert page.body.count("Logged in to &lt;b&gt;&amp;") == 2
    assert "<b>" not in page.body


@pytest.mark.parametrize("target", ["/callback?right", "/callback?wrong", "/nowhere"])
def test_every_page_has_the_headers_that_protect_it(listen: Listen, target: str) -> None:
    """Nothing is cached, sent on as a referrer, framed, or loaded from anywhere."""
    callback, _ = listen()
    page = send(port_of(callback), request_bytes(target, Host=f"127.0.0.1:{port_of(callback)}"))
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Connection"] == "close"
    assert "Location" not in page.headers
    assert int(page.headers["Content-Length"]) == len(page.body.encode())
    assert "Python" not in page.headers["Server"]
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    [style] = re.findall(r"<style>(.*?)</style>", page.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy["style-src"] == f"'sha256-{digest}'"
    assert "right" not in page.body
    for outside in ("<script", "style=", "src=", "href=", "http:", "https:"):
        assert outside not in page.body


def test_one_connection_serves_one_request(listen: Listen) -> None:
    """Connection: close is meant; a second request on the connection is not served."""
    callback, attempt = listen()
    request = request_bytes("/callback?wrong", Host=f"127.0.0.1:{port_of(callback)}", Connection="keep-alive")
    with connect(port_of(callback)) as connection:
        connection.sendall(request * 2)
        page = read_page(connection)
    assert page.body.count("<!doctype html>") == 1
    assert attempt.delivered == ["wrong"]
