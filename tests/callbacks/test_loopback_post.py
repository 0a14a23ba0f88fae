"""A redirect that comes as a form (OAuth 2.0 Form Post Response Mode), under the same rules as any."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from attempts import ACCESS_TOKEN, Login, Page, connect, follow, read_page, request_bytes, send, state_of
from loopback_listener import Listen, port_of

from aventus_creds.callbacks.connections import LONGEST_BODY

FORM = "application/x-www-form-urlencoded"


def post(uri: str, body: bytes, *, path: str = "", **headers: Any) -> Page:
    """Post a form as a browser does that the server's page sent here. A header that is None is left out."""
    parts = urlsplit(uri)
    lines = {"Host": parts.netloc, "Content-Type": FORM, "Content-Length": len(body), **headers}
    head = request_bytes(
        path or parts.path,
        "POST",
        **{name.replace("_", "-"): value for name, value in lines.items() if value is not None},
    )
    return send(parts.port or 0, head + body)


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=utf-8", FORM.upper()])
def test_a_form_ends_the_login(login: tuple[str, Login], kind: str) -> None:
    """Like the same text in the address; the page is the same."""
    uri, under_way = login
    page = post(uri, under_way.query().encode(), **{"Content-Type": kind})
    assert page.status == 200
    assert "Logged in to prod." in page.body
    assert under_way.attempt.result().access_token == ACCESS_TOKEN


def test_the_address_of_a_post_is_no_redirect(login: tuple[str, Login]) -> None:
    """A page could post anything to an address with a query; the form alone counts."""
    uri, under_way = login
    assert post(uri, b"", path=f"/callback?{under_way.query()}").status == 400
    assert not under_way.attempt.ended.is_set()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"right", {"Content-Type": None}, 415),
        (b"right", {"Content-Type": "text/plain"}, 415),
        (b"right", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b"right", {"Content-Type": "application/json"}, 415),
        (b"right", {"Content-Length": None}, 411),
        (b"right", {"Content-Length": "-1"}, 411),
        (b"right", {"Content-Length": "5, 5"}, 411),
        (b"right", {"Content-Length": "\u0665"}, 411),
        (b"5\r\nright\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}, 411),
        (b"right", {"Content-Length": LONGEST_BODY + 1}, 413),
        (b"right", {"Content-Length": "9" * 5000}, 413),
        (b"right", {"Host": "evil.example.com"}, 400),
        (b"right", {"Host": None}, 400),
        (b"wrong", {}, 400),
    ],
)
def test_the_rules_are_those_of_a_get(
    listen: Listen, body: bytes, headers: dict[str, Any], status: int
) -> None:
    """Host, path, size and kind: anything else is refused, and the wait goes on."""
    callback, attempt = listen()
    encoded = {
        name: value.encode().decode("latin-1") if isinstance(value, str) else value
        for name, value in headers.items()
    }
    page = post(callback.redirect_uri, body, **encoded)
    assert page.status == status
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert not attempt.ended.is_set()
    assert post(callback.redirect_uri, b"right", path="/other").status == 404
    assert post(callback.redirect_uri, b"right").status == 200
    assert attempt.delivered[-1] == "right"


def test_a_body_that_is_refused_is_read_to_its_end(listen: Listen) -> None:
    """To close on unread bytes would reset the connection, answer and all."""
    callback, attempt = listen()
    body = b"code=x&state=right" * 50_000
    head = request_bytes(
        "/callback",
        "POST",
        Host=f"127.0.0.1:{port_of(callback)}",
        **{"Content-Length": len(body), "Content-Type": FORM},
    )
    with connect(port_of(callback)) as connection:
        for part in (head, body[:300_000], body[300_000:]):
            connection.sendall(part)
            time.sleep(0.02)  # so that most of it is under way when the answer comes
        assert read_page(connection).status == 413
    assert attempt.delivered == []


def test_a_form_that_breaks_off_is_refused(login: tuple[str, Login]) -> None:
    """Half a code would be exchanged, and end the login."""
    uri, under_way = login
    port = urlsplit(uri).port or 0
    query = f"state={state_of(under_way.attempt.url)}&code=half".encode()
    head = request_bytes(
        "/callback",
        "POST",
        Host=f"127.0.0.1:{port}",
        **{"Content-Length": len(query) + 5, "Content-Type": FORM},
    )
    with connect(port) as connection:
        connection.sendall(head + query)
        connection.shutdown(1)
        assert read_page(connection).status == 400
    assert under_way.endpoint.requests == []
    assert follow(uri, under_way.query()).status == 200
