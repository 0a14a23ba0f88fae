"""A hostile or broken authorization server: whatever it does, a call ends in time with an error of ours.

The calls are those that users make. Each error is judged by ``refused``: its kind, its time, its words, no secret
in anything that is shown or logged, and the stored login still there.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import subprocess
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import escape
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from attempts import follow, state_of
from sockets import Authority, RawServer, drips, lead_here, says, tunnel
from support import Seen, Sent, Web, make_token

from aventus_creds import get_token, login, logout
from aventus_creds.cli.commands import exit_code
from aventus_creds.errors import (
    AventusCredsError,
    InvalidAnswer,
    LoginRefused,
    LoginRequired,
    LoginTimeout,
    NetworkError,
    TokenRefused,
)
from aventus_creds.oauth.transport import LARGEST_ANSWER
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN = 's3/cr&t "of=client', "the-refresh-token", "the-old-token"
CODE, DEVICE_CODE, NEW_TOKEN = "the-secret-code", "the-device-code", "the-new-access-token"
SECRETS = (CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN, CODE, DEVICE_CODE, NEW_TOKEN)
BASIC = base64.b64encode(f"c:{quote(CLIENT_SECRET, safe='')}".encode()).decode()

WriteProfiles = Callable[..., Path]
Talk = Callable[[socket], object]
Profiles = Callable[..., None]


@pytest.fixture
def elsewhere() -> Iterator[Web]:
    """Run a server that nobody has any business with."""
    with Web() as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def profiles(write_profiles: WriteProfiles, caplog: pytest.LogCaptureFixture) -> Profiles:
    """Write the profile ``prod`` of a server at ``url``, and store a login to it that has expired."""
    caplog.set_level(logging.DEBUG)

    def write(url: str, **keys: Any) -> None:
        outright = {f"{name}_url": f"{url}/{name}" for name in ("authorize", "token", "revoke", "device")}
        prod = {
            "client_id": "c",
            "client_secret": CLIENT_SECRET,
            "redirect_uri": "http://127.0.0.1:0/callback",
            "callback": "loopback",
            "retries": 0,
            "timeout": 5,
            "login_timeout": 5,
            **({} if "issuer" in keys else outright),
            **keys,
        }
        write_profiles({"prod": {name: value for name, value in prod.items() if value is not None}})
        keep(make_token(ACCESS_TOKEN, age=7200, refresh_token=REFRESH_TOKEN))

    return write


def keep(token: Token) -> None:
    store, key = default_store(), read_profiles().profile("prod").key
    with store.lock(key):
        store.save(key, token)


def stored() -> Token | None:
    return default_store().load(read_profiles().profile("prod").key)


def refresh() -> Token:
    return get_token("prod", interactive=False)


def log_in(**params: str) -> Token:
    """Log in with a browser that is redirected at once."""

    def browser(url: str) -> None:
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        # the listener shows the page once the login has ended, and that may take as long as the server does
        query = urlencode({"code": CODE, "state": state_of(url), **params})
        threading.Thread(target=_follow, args=(uri, query), daemon=True).start()

    return login("prod", browser=browser)


def _follow(uri: str, query: str) -> None:
    with suppress(OSError):
        follow(uri, query)


def log_in_elsewhere() -> Token:
    return login("prod", device=True)


DOORS: dict[str, tuple[dict[str, Any], Callable[[], object]]] = {
    "refresh": ({}, refresh),
    "client credentials": ({"grant": "client_credentials", "redirect_uri": None, "callback": None}, refresh),
    "code": ({}, log_in),
    "device": ({}, log_in_elsewhere),
    "discovery": ({"issuer": True}, refresh),
}
"""The ways by which a call comes to a server: what the profile has for it, and the call."""


def open_door(door: str, url: str, profiles: Profiles, **more: Any) -> Callable[[], object]:
    """Write the profile for a way to the server at ``url``, and return the call."""
    keys, call = DOORS[door]
    profiles(url, **({**keys, "issuer": url} if keys.get("issuer") else keys), **more)
    return call


def refused(
    call: Callable[[], object], caplog: pytest.LogCaptureFixture, *, within: float = 8
) -> AventusCredsError:
    """Make the call, and return its error once it is judged."""
    before, began = stored(), time.monotonic()
    with pytest.raises(AventusCredsError) as caught:
        call()
    assert time.monotonic() - began < within
    judge(caught.value)
    assert_no_secret(caplog.text)
    assert stored() == before, "the login was lost"
    return caught.value


def judge(error: AventusCredsError) -> None:
    """Words for a person: short, printable, with something to do, and without a secret in anything chained."""
    assert error.message
    assert len(str(error)) < 2000
    assert error.message.isprintable()
    assert error.hint.isprintable()
    if not isinstance(error, TokenRefused | LoginRefused):  # there the server's own words say what is wrong
        assert error.hint
    link: BaseException | None = error
    while link is not None:
        assert_no_secret(f"{link} {link!r} {vars(link)}")
        link = link.__cause__ or link.__context__
    assert_no_secret("".join(traceback.format_exception(error)))


def assert_no_secret(text: str) -> None:
    for secret in (*SECRETS, BASIC):
        forms = (secret, quote(secret), quote(secret, safe=""), escape(secret), json.dumps(secret)[1:-1])
        assert not any(form.lower() in text.lower() for form in forms), f"{secret} is shown"


def token_answer(**more: Any) -> dict[str, Any]:
    return {"access_token": NEW_TOKEN, "token_type": "Bearer", "expires_in": 3600, **more}


# The wire


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TOO_LONG = b"x" * 65536


class Pouring:
    """A talk that sends ``start``, and then ``block`` for as long as anybody takes it. ``sent`` counts."""

    def __init__(self, start: bytes, block: bytes) -> None:
        self._start, self._block = start, block
        self.sent = 0

    def __call__(self, connection: socket) -> None:
        connection.settimeout(5)
        connection.recv(65536)
        connection.sendall(self._start)
        while self.sent < 200_000_000:
            connection.sendall(self._block)
            self.sent += len(self._block)


POURED = {
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "100 Continue with headers": (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000),
    "a line": (b"", TOO_LONG),
    "a header": (b"HTTP/1.1 200 OK\r\nX: ", TOO_LONG),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
    "a body": (HEAD + b"\r\n", TOO_LONG),
    "a gigabyte": (HEAD + b"Content-Length: 1073741824\r\n\r\n", TOO_LONG),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "chunks of a byte": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000),
    "a line of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=", TOO_LONG),
    "a chunk of less than nothing": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", TOO_LONG),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: y\r\n" * 1000),
}


@pytest.mark.parametrize("what", POURED)
def test_what_has_no_end(what: str, profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """A few megabytes are taken, and the thread that took them does not stay behind."""
    pouring = Pouring(*POURED[what])
    others = set(threading.enumerate())  # of earlier tests
    with RawServer(pouring) as server:
        profiles(server.url)
        assert isinstance(refused(refresh, caplog), NetworkError | InvalidAnswer)
        deadline = time.monotonic() + 5
        while [one for one in set(threading.enumerate()) - others if one.name == "aventus-creds-transport"]:
            assert time.monotonic() < deadline, "a thread stays behind"
            time.sleep(0.02)
    assert pouring.sent < 30_000_000  # what the buffers of both sockets hold counts as sent


@pytest.mark.parametrize(
    ("start", "drop"), [(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (HEAD + b"\r\n", b"x")], ids=["1xx", "body"]
)
def test_nobody_stays_with_a_slow_server(
    start: bytes, drop: bytes, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread that reads leaves with the caller, however long the server has a byte every moment."""
    others = set(threading.enumerate())  # of earlier tests
    with RawServer(drips(start, drop, every=0.02, times=500)) as server:
        profiles(server.url, timeout=0.3)
        assert "in time" in refused(refresh, caplog, within=3).message
        deadline = time.monotonic() + 3
        while [one for one in set(threading.enumerate()) - others if one.name == "aventus-creds-transport"]:
            assert time.monotonic() < deadline, "a thread stays behind"
            time.sleep(0.02)


BROKEN = {
    "nothing": says(),
    "half a status line": says(b"HTTP/1."),
    "half the headers": says(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "headers and no body": says(HEAD + b"Content-Length: 100\r\n\r\n"),
    "half a chunk": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{"),
    "no number": says(b"HTTP/1.1 abc OK\r\n\r\n"),
    "another protocol": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "bytes": says(bytes(range(256)) * 20),
    "two lengths": says(HEAD + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n{}"),
    "a length of less than nothing": says(HEAD + b"Content-Length: -1\r\n\r\n{}"),
    "a length beyond all": says(HEAD + b"Content-Length: " + b"9" * 4000 + b"\r\n\r\n{}"),
    "switching": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "early hints": says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "status 0": says(b"HTTP/1.1 000 \r\n\r\n"),
    "status 999": says(b"HTTP/1.1 999 \x1b[2J\r\n\r\n"),
    "strange headers": says(HEAD + b"\xff\xfe: \x1b[31m\r\n no: name\r\n: x\r\n\r\n{}"),
}


@pytest.mark.parametrize("door", ["refresh", "device", "discovery"])
@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks(what: str, door: str, profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """Dropped at each point, or not HTTP at all: an error of ours, wherever it comes."""
    with RawServer(BROKEN[what]) as server:
        error = refused(open_door(door, server.url, profiles), caplog)
    assert isinstance(error, NetworkError | InvalidAnswer | TokenRefused)


@pytest.mark.parametrize("what", [*BROKEN, "silence"])
def test_a_logout_ends_well_whatever_breaks(
    what: str, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """It is forgotten here, and why it was not revoked is told in words of one line."""
    with RawServer(BROKEN.get(what, lambda _: time.sleep(3))) as server:
        profiles(server.url, timeout=0.5)
        done = logout("prod")
    assert done.found
    assert done.revoked or done.why_not
    assert done.why_not.isprintable()
    assert_no_secret(done.why_not + caplog.text)
    assert stored() is None


def test_the_secret_in_a_header_that_is_none(profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """What a library logs of a damaged header is nothing that was sent."""
    talk = says(HEAD + f"{CLIENT_SECRET} {REFRESH_TOKEN}\r\nX: y\r\n\r\n".encode() + b"{}")
    with RawServer(talk) as server:
        profiles(server.url)
        refused(refresh, caplog)


# Redirects


STATUSES = [300, 301, 302, 303, 304, 305, 306, 307, 308]


def redirecting(status: int, target: str) -> Callable[[Seen], Sent]:
    """Redirect by the status, and by each header that some browser has ever followed."""
    headers = {"Location": target, "Refresh": f"0; url={target}", "Content-Location": target}
    return lambda _: Sent(status, headers=headers)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("status", [301, 307, 308])
def test_no_redirect_is_followed(
    status: int, door: str, web: Web, elsewhere: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """By each way to the server: the second address hears nothing at all."""
    web.answer = redirecting(status, f"{elsewhere.url}/token")
    assert isinstance(refused(open_door(door, web.url, profiles), caplog), InvalidAnswer)
    assert elsewhere.seen == []


@pytest.mark.parametrize("status", STATUSES)
def test_no_redirect_to_anywhere_is_followed(
    status: int, web: Web, elsewhere: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the secret of the client nor the refresh token gets beyond the token endpoint."""
    profiles(web.url)
    targets = (
        f"{elsewhere.url}/token",
        f"http://localhost:{elsewhere.port}/token",
        f"https://127.0.0.1:{elsewhere.port}/token",
        f"//127.0.0.1:{elsewhere.port}/token",
        f"http://127.0.0.1:{web.port}@127.0.0.1:{elsewhere.port}/",
        "file:///etc/passwd",
        "data:application/json,{}",
        "",
    )
    for target in targets:
        web.answer = redirecting(status, target)
        assert isinstance(refused(refresh, caplog), InvalidAnswer | TokenRefused)
    assert len(web.seen) == len(targets)
    assert elsewhere.seen == []


@pytest.mark.parametrize("status", STATUSES)
def test_no_redirect_of_a_revocation_is_followed(
    status: int, web: Web, elsewhere: Web, profiles: Profiles
) -> None:
    profiles(web.url)
    web.answer = lambda _: Sent(status, headers={"Location": elsewhere.url})
    done = logout("prod")
    assert (done.found, done.revoked) == (True, False)
    assert elsewhere.seen == []
    assert len(web.seen) == 1


# Bodies


MEGABYTE = 1024 * 1024
BOMBS = """
import resource, sys
from aventus_creds import get_token
from aventus_creds.errors import AventusCredsError
import aventus_creds.oauth.client
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(int(sys.argv[1])):
    try:
        get_token("prod", interactive=False)
    except AventusCredsError as error:
        print(type(error).__name__)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def bomb(wbits: int) -> bytes:
    """Return a gigabyte of zeros, compressed to one megabyte."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, wbits)
    zeros = bytes(16 * MEGABYTE)
    start = squeeze.compress(zeros) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return start + 63 * (squeeze.compress(zeros) + squeeze.flush(zlib.Z_FULL_FLUSH))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell how much memory a process has had")
def test_bombs(web: Web, profiles: Profiles) -> None:
    """A gigabyte of zeros is not inflated, however it is packed: some sixteen megabytes are, at most."""
    zipped = bomb(31)
    bodies = [
        (zipped, "gzip"),
        (zipped, "X-GZIP"),
        (bomb(15), "deflate"),
        (bomb(-15), "deflate"),
        (gzip.compress(zipped), "gzip, gzip"),
        (gzip.compress(gzip.compress(zipped)), "gzip,gzip,gzip"),
        (zipped, "br"),
        (zipped, "zstd"),
        (bytes(64 * MEGABYTE), "identity"),
    ]
    assert len(zipped) < 1.1 * MEGABYTE
    left = list(bodies)

    def answer(_: Seen) -> Sent:
        body, encoding = left.pop(0)
        return Sent(body=body, headers={"Content-Encoding": encoding, "Content-Type": "application/json"})

    web.answer = answer
    profiles(web.url)
    script = [sys.executable, "-c", BOMBS, str(len(bodies))]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True)
    *errors, grown = done.stdout.split()
    assert errors == ["InvalidAnswer"] * len(bodies)
    assert int(grown) < 120
    assert {seen.headers["Accept-Encoding"] for seen in web.seen} == {"gzip, deflate"}


def test_compressed_as_it_was_asked_for(web: Web, profiles: Profiles) -> None:
    """An honest server compresses its answer, and is understood."""
    content = json.dumps(token_answer()).encode()
    for encoding, body in (("gzip", gzip.compress(content)), ("deflate", zlib.compress(content))):
        profiles(web.url)
        headers = {"Content-Encoding": encoding}
        web.answer = lambda _, body=body, headers=headers: Sent(body=body, headers=headers)  # type: ignore[misc]
        assert refresh().access_token == NEW_TOKEN


GOOD = json.dumps(token_answer())


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,deflate", "br", "zstd", "compress", "\x1b[2J"])
def test_an_encoding_that_was_not_asked_for(
    encoding: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused before it is read: a row of them has no bound, and brotli makes a gigabyte of a kilobyte."""
    profiles(web.url)
    body = gzip.compress(gzip.compress(GOOD.encode())) if "," in encoding else GOOD.encode()
    web.answer = lambda _: Sent(body=body, headers={"Content-Encoding": encoding})
    assert "content encoding" in refused(refresh, caplog).message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (GOOD.encode(), "text/html"),
        (GOOD.encode(), ""),
        (GOOD.encode(), "application/json; charset=klingon"),
        (GOOD.encode(), "\x1b[2J"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "application/json"),
        (GOOD.encode("utf-16"), "application/json"),
        (GOOD.encode("utf-32-be"), "application/json; charset=utf-8"),
        (b"\r\n \t" + GOOD.encode() + b"\n" * 1000, "application/json"),
        (b'{"access_token": "other", ' + GOOD.encode()[1:], "application/json"),
        (GOOD.replace("3600", "NaN").encode(), "application/json"),
        (GOOD.replace("3600", "-Infinity").encode(), "application/json"),
        (GOOD.replace("3600", "1e400").encode(), "application/json"),
        (GOOD.replace("3600", '"0x10"').encode(), "application/json"),
        (GOOD.replace("3600", '"٣٦٠٠"').encode(), "application/json"),
        (GOOD.replace("3600", "[[]]").encode(), "application/json"),
        (GOOD.replace("}", f', "padding": "{"x" * (LARGEST_ANSWER - 500)}"}}').encode(), "application/json"),
    ],
    ids=[
        *("html", "untyped", "charset", "escape", "BOM", "UTF-16", "UTF-32", "spaces", "twice"),
        *("NaN", "-Infinity", "1e400", "hexadecimal", "Arabic", "lists", "large"),
    ],
)
def test_what_is_odd_and_yet_understood(body: bytes, content_type: str, web: Web, profiles: Profiles) -> None:
    """A token is a token, in what dress it may come; a lifetime that is none is the ordinary one."""
    web.answer = lambda _: Sent(body=body, headers={"Content-Type": content_type})
    profiles(web.url)
    token = refresh()
    assert token.access_token == NEW_TOKEN
    assert token.refresh_token == REFRESH_TOKEN
    assert token.fresh(time.time())
    assert stored() == token


@pytest.mark.parametrize("door", ["refresh", "device", "discovery"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"<html><title>Sign in</title></html>",
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b"[]",
        b"null",
        f"[{GOOD}]".encode(),
        GOOD.encode()[:-1],
        GOOD.encode() * 2,
        GOOD.encode("utf-8").replace(b"the-new", b"\xff\xfe"),
        GOOD.replace("3600", "9" * 5000).encode(),
        b"access_token=tok&token_type=bearer",
    ],
    ids=[
        *("empty", "zero", "page", "nested lists", "nested objects", "list", "null", "in a list", "half"),
        *("two", "no text", "long number", "form"),
    ],
)
def test_bodies_that_are_no_answer(
    body: bytes, door: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    web.answer = lambda _: Sent(body=body, headers={"Content-Type": "application/json"})
    assert isinstance(refused(open_door(door, web.url, profiles), caplog), InvalidAnswer)


# Tokens


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": f"{NEW_TOKEN}\r\nX-Evil: 1"},
        {"access_token": f"{NEW_TOKEN}\x1b[2J"},
        {"access_token": "tök"},
        {"access_token": "\ud800"},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": [NEW_TOKEN]},
        {"access_token": None},
        {"access_token": "x" * 10 * MEGABYTE},
        {"token_type": "mac"},
        {"token_type": "DPoP"},
        {"token_type": ["Bearer"]},
        {"token_type": "\x1b[31mbearer"},
    ],
    ids=str,
)
def test_tokens_that_cannot_be_used(
    change: dict[str, Any], web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is stored, and the login that was there is there still, by each way to a token."""
    web.answer = lambda _: Sent(body=token_answer(**change))
    for door in ("refresh", "client credentials", "code"):
        assert isinstance(refused(open_door(door, web.url, profiles), caplog), InvalidAnswer)


@pytest.mark.parametrize(
    "odd", [5, True, [], {}, "", None, "\ud800", "a\nb", "\x1b[2Jx", "größer", ["a"], "a\x7f"], ids=repr
)
def test_refresh_tokens_of_odd_kinds(odd: Any, web: Web, profiles: Profiles) -> None:
    """Such a one is none: the old one stays, and serves again."""
    web.answer = lambda _: Sent(body=token_answer(refresh_token=odd))
    profiles(web.url)
    token = refresh()
    assert token.refresh_token == REFRESH_TOKEN
    keep(make_token(age=7200, refresh_token=token.refresh_token))
    refresh()
    assert [parse_qs(seen.body.decode())["refresh_token"] for seen in web.seen] == [[REFRESH_TOKEN]] * 2


@pytest.mark.parametrize(
    "scope", ["read \x1b[2Jwrite", "\u202ebidi", "\ud800", "a\nb", 7, {}, ["\x1b[2J"]], ids=repr
)
def test_scopes_of_odd_kinds(
    scope: Any, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """A scope is shown and logged: one with control characters is none."""
    web.answer = lambda _: Sent(body=token_answer(scope=scope))
    profiles(web.url, scope="read write")
    login_token = log_in()
    assert login_token.scope == "read write"
    web.answer = lambda _: Sent(body=token_answer(scope="read"))
    keep(make_token(age=7200, refresh_token=REFRESH_TOKEN, scope=login_token.scope))
    refresh()
    assert "does not grant write any more" in caplog.text
    assert "\x1b" not in caplog.text


# Refusals


def echo(seen: Seen) -> str:
    """Say back everything that was sent, in each form that a server might use."""
    fields = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
    basic = seen.headers.get("Authorization", "")
    sent = [seen.body.decode(), basic, *fields.values(), CLIENT_SECRET]
    return " | ".join(
        form
        for text in sent
        for form in (text, quote(text), quote(text, safe="").lower(), escape(text), json.dumps(text))
    )


@pytest.mark.parametrize("door", [door for door in DOORS if door != "discovery"])
@pytest.mark.parametrize("method", ["basic", "post"])
def test_an_error_that_says_everything_back(
    method: str, door: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither as the code nor as the description, in JSON or as text, does a secret come to light."""
    call = open_door(door, web.url, profiles, client_auth=method)
    for answer in (
        lambda seen: Sent(400, {"error": "invalid_request", "error_description": echo(seen)}),
        lambda seen: Sent(400, {"error": echo(seen)}),
        lambda seen: Sent(200, {"error": {"code": echo(seen), "message": echo(seen)}}),
        lambda seen: Sent(403, echo(seen).encode(), {"Content-Type": "text/plain"}),
        lambda seen: Sent(500, {"detail": echo(seen)}),
        lambda seen: Sent(200, {"access_token": f"{echo(seen)}\n"}),
        lambda seen: Sent(302, headers={"Location": f"/?{quote(echo(seen))}"}),
    ):
        web.answer = answer
        refused(call, caplog)


def test_a_short_secret_said_back_as_it_was_sent(
    web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """The header of Basic is a secret too, though nobody would know it by its length."""
    profiles(web.url, client_secret="s3cr&t/7", client_auth="basic")
    web.answer = lambda seen: Sent(401, {"error": "invalid_client", "message": seen.headers["Authorization"]})
    assert "Basic …" in refused(refresh, caplog).message


HOSTILE_WORDS = [
    "\x1b[2J\x1b]0;title\x07\x1b[31mAll is well\x1b[0m",
    "\x9b31m\x90q\x9c",
    "line\r\nline\r\nerror: none\x00",
    "\u202eevil\u2066\u200b",
    "\ud800",
    "x " * 200_000,
    "é" * 60_000,
]


@pytest.mark.parametrize("door", ["refresh", "code", "device"])
@pytest.mark.parametrize("words", HOSTILE_WORDS, ids=lambda words: ascii(words[:12]))
def test_an_error_that_would_drive_the_terminal(
    words: str, door: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Escape sequences, line breaks, turned text and a megabyte of words reach nobody's screen."""
    call = open_door(door, web.url, profiles)
    for body in (
        {"error": words, "error_description": words},
        {"errorCode": "E1", "errorSummary": words, "error_uri": words},
    ):
        web.answer = lambda _, body=body: Sent(400, body)  # type: ignore[misc]
        error = refused(call, caplog)
        assert isinstance(error, TokenRefused)
        assert error.error.isprintable()
        assert error.error_description.isprintable()


@pytest.mark.parametrize("words", HOSTILE_WORDS[:4], ids=ascii)
def test_a_redirect_that_would_drive_the_terminal(
    words: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """What the server's redirect says is shown as harmlessly; the code that came with it goes nowhere."""
    profiles(web.url)
    error = refused(lambda: log_in(error=words, error_description=words), caplog)
    assert isinstance(error, LoginRefused)
    assert web.seen == []


def test_a_redirect_of_another_issuer(web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """A mix-up (RFC 9207): the code of one server is not carried to another."""
    profiles(web.url, issuer=web.url)
    web.answer = lambda _: Sent(body=document(web.url))
    for issuer in ("https://evil.example", f"{web.url}/", f"{web.url}\x1b[2J", ""):
        assert isinstance(refused(lambda iss=issuer: log_in(iss=iss), caplog), InvalidAnswer)  # type: ignore[misc]
    assert {seen.method for seen in web.seen} == {"GET"}


# When a login is over


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize(
    "error",
    ["invalid_grant", "bad_refresh_token", "interaction_required", "login_required", "consent_required"],
)
def test_errors_that_end_a_login(
    error: str, status: int, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """A person can mend these by logging in: it is said how, with the exit code for it. GitHub says it with 200."""
    web.answer = lambda _: Sent(status, {"error": error, "error_description": "log in again"})
    profiles(web.url)
    found = refused(refresh, caplog)
    assert isinstance(found, LoginRequired)
    assert "aventus-creds login prod" in found.hint
    assert exit_code(found) == 3
    assert len(web.seen) == 1


@pytest.mark.parametrize(
    "error",
    [
        "invalid_client",
        "invalid_request",
        "unauthorized_client",
        "invalid_scope",
        "access_denied",
        "INVALID_GRANT",
        "",
    ],
)
def test_errors_that_end_no_login(
    error: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Another login would not mend these."""
    web.answer = lambda _: Sent(400, {"error": error})
    profiles(web.url)
    assert isinstance(refused(refresh, caplog), TokenRefused)


@pytest.mark.parametrize("door", ["client credentials", "code"])
def test_without_a_login_they_are_refusals(
    door: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing is refreshed, the server's error is told as it is."""
    web.answer = lambda _: Sent(400, {"error": "interaction_required"})
    found = refused(open_door(door, web.url, profiles), caplog)
    assert isinstance(found, TokenRefused)
    assert found.error == "interaction_required"


# Discovery


def document(url: str, **more: Any) -> dict[str, Any]:
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/jwks",
        "authorization_response_iss_parameter_supported": True,
        **more,
    }


def test_an_issuer_does_not_lead_out_of_tls(
    authority: Authority, elsewhere: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Plain http on this machine is for an issuer on this machine: anybody's program may listen there."""
    with authority.web() as tls:
        hostile = [
            f"http://localhost:{elsewhere.port}/token",
            f"http://[::1]:{elsewhere.port}/token",
            "http://10.0.0.1/token",
            "http://169.254.169.254/latest",
            f"{tls.url}/token#fragment",
            f"{tls.url}/token#",
            f"{tls.url}\x00@evil.example/",
            "https:///token",
            "https:token",
        ]
        names = ("authorization", "token", "revocation", "device_authorization")
        profiles(tls.url, issuer=tls.url, ca_bundle=str(authority.bundle))
        for name, url in [("token", url) for url in hostile] + [(name, elsewhere.url) for name in names]:
            body = document(tls.url, **{f"{name}_endpoint": url})
            tls.answer = lambda _, body=body: Sent(body=body)  # type: ignore[misc]
            assert f"{name}_endpoint" in refused(refresh, caplog).message
        assert {seen.method for seen in tls.seen} == {"GET"}
    assert elsewhere.seen == []


def test_what_a_document_names_besides_is_never_fetched(web: Web, elsewhere: Web, profiles: Profiles) -> None:
    """Neither keys nor pages: nothing here needs them, and each would be an address of the server's choice."""
    names = (
        "jwks_uri",
        "userinfo_endpoint",
        "registration_endpoint",
        "op_policy_uri",
        "service_documentation",
    )
    body = document(web.url, **{name: f"{elsewhere.url}/{name}" for name in names})
    web.answer = lambda seen: Sent(body=body if seen.method == "GET" else token_answer())
    profiles(web.url, issuer=web.url)
    assert refresh().access_token == NEW_TOKEN
    assert [seen.method for seen in web.seen] == ["GET", "POST"]
    assert elsewhere.seen == []


# Logins on another device


def begin(web: Web, *, then: Sent, **change: Any) -> None:
    """Let ``web`` begin a device login, with ``change`` in its answer, and answer all questions by ``then``."""
    good = {
        "device_code": DEVICE_CODE,
        "user_code": "ABCD-EFGH",
        "verification_uri": f"{web.url}/d",
        "interval": 0.1,
        "expires_in": 600,
    }
    web.answer = lambda seen: Sent(body=good | change) if seen.path == "/device" else then


PENDING = Sent(400, {"error": "authorization_pending"})


@pytest.mark.parametrize(
    "change",
    [
        {"user_code": "x" * MEGABYTE},
        {"user_code": "x" * 101},
        {"user_code": "AB\x1b[2J"},
        {"user_code": "AB\u202eCD"},
        {"device_code": "\ud800"},
        {"verification_uri": "https://as.example/" + "x" * 2000},
        {"verification_uri": "https://as.example/\x1b[2J"},
        {"verification_uri": ["https://as.example/"]},
        {"verification_uri": "data:text/html,x"},
        {"verification_uri_complete": "https://as.example/" + "x" * 500_000},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"verification_uri_complete": 7},
    ],
    ids=lambda change: ascii(change)[:50],
)
def test_a_device_login_that_would_mislead(
    change: dict[str, Any],
    web: Web,
    profiles: Profiles,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing of it is shown, and the server is not asked again."""
    begin(web, then=Sent(body=token_answer()), **change)
    profiles(web.url)
    assert isinstance(refused(log_in_elsewhere, caplog), InvalidAnswer)
    assert capsys.readouterr().err == ""
    assert len(web.seen) == 1


@pytest.mark.parametrize("interval", [0, 1e-9, "0", 0.05])
def test_a_server_that_wants_to_be_overrun(
    interval: Any, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """However short the interval that it names, there is a pause between two questions."""
    begin(web, then=PENDING, interval=interval)
    profiles(web.url, login_timeout=0.5)
    assert isinstance(refused(log_in_elsewhere, caplog), LoginTimeout)
    assert 2 <= len(web.seen) < 9


@pytest.mark.parametrize("interval", [-1, 1e9, "abc", None, [], "1e400", 10**400])
def test_a_server_that_names_no_interval(
    interval: Any, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """The time of the login is the end of it, and a long interval is cut to that."""
    begin(web, then=PENDING, interval=interval)
    profiles(web.url, login_timeout=0.3)
    assert isinstance(refused(log_in_elsewhere, caplog), LoginTimeout)
    assert len(web.seen) == 2


@pytest.mark.parametrize("expires_in", [-1, 0, "abc", None, [], float("nan"), "1e400", 10**400, "-inf"])
def test_a_device_code_of_an_odd_lifetime(
    expires_in: Any, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as none; the login's own time holds."""
    begin(web, then=PENDING, expires_in=expires_in)
    profiles(web.url, login_timeout=0.3)
    error = refused(log_in_elsewhere, caplog)
    assert isinstance(error, LoginTimeout)
    assert "within 0.3 s" in error.message


@pytest.mark.parametrize(
    "then",
    [
        Sent(400, {"error": "slow_down"}),
        Sent(429),
        Sent(503),
        Sent(drop=True),
    ],
    ids=["slow_down", "429", "503", "drop"],
)
def test_a_server_that_puts_off_for_ever(
    then: Sent, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    begin(web, then=then)
    profiles(web.url, login_timeout=0.6)
    assert isinstance(refused(log_in_elsewhere, caplog), LoginTimeout)


# TLS and proxies


@pytest.mark.parametrize("door", ["refresh", "client credentials", "discovery"])
@pytest.mark.parametrize(
    "fault", ["another name", "signed by itself", "expired", "not yet valid", "another authority"]
)
def test_certificates_that_prove_nothing(
    fault: str,
    door: str,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    profiles: Profiles,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server does not get to see a request."""
    lead_here(monkeypatch)
    days = {"expired": (-9, -2), "not yet valid": (2, 9)}.get(fault, (-1, 1))
    names = ["other.example"] if fault == "another name" else ["as.example"]
    server = Authority(tmp_path, names, days=days, alone=fault == "signed by itself")
    bundle = authority.bundle if fault == "another authority" else server.bundle
    with server.web() as web:
        call = open_door(door, f"https://as.example:{web.port}", profiles, ca_bundle=str(bundle))
        error = refused(call, caplog)
        assert isinstance(error, NetworkError)
        assert "certificate" in error.message
        assert web.seen == []


def test_a_good_certificate_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profiles: Profiles
) -> None:
    """What the test above takes for granted."""
    lead_here(monkeypatch)
    server = Authority(tmp_path, ["as.example"])
    with server.web() as web:
        web.answer = lambda _: Sent(body=token_answer())
        profiles(f"https://as.example:{web.port}", ca_bundle=str(server.bundle))
        assert refresh().access_token == NEW_TOKEN


PROXIES: dict[str, Talk] = {
    "asks for a password": says(
        b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="\x1b[2J"\r\n\r\n'
    ),
    "redirects": says(b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n"),
    "answers itself": says(b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + GOOD.encode(), every=0.1),
    "hangs up": says(),
    "is no proxy": says(b"220 smtp.example ESMTP\r\n"),
    "says nothing": says(b"", every=3),
    "never ends": Pouring(b"HTTP/1.1 200 OK\r\nX: ", TOO_LONG),
    "drips": drips(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
}


@pytest.mark.parametrize("what", PROXIES)
def test_hostile_proxies(
    what: str, profiles: Profiles, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the environment names as a proxy gets the name of the server, and not one byte of the request."""
    seen: list[bytes] = []

    def talk(connection: socket) -> None:
        PROXIES[what](Listening(connection, seen))  # type: ignore[arg-type]

    with RawServer(talk) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for door in ("refresh", "discovery"):
            error = refused(open_door(door, "https://as.example", profiles, timeout=0.5), caplog)
            assert isinstance(error, NetworkError)
    assert b"as.example" in b"".join(seen)
    assert_no_secret(b"".join(seen).decode("latin-1"))


class Listening:
    """A connection, of which ``seen`` keeps what arrives."""

    def __init__(self, connection: socket, seen: list[bytes]) -> None:
        self._connection, self._seen = connection, seen

    def recv(self, size: int) -> bytes:
        self._seen.append(self._connection.recv(size))
        return self._seen[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_a_proxy_in_the_middle(
    authority: Authority,
    tmp_path: Path,
    profiles: Profiles,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that ends the TLS itself, with a certificate of its own for the right name, reads nothing."""
    seen: list[bytes] = []
    with (
        Authority(tmp_path, ["as.example"]).web() as middle,
        RawServer(tunnel(middle.port, seen)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        profiles("https://as.example", ca_bundle=str(authority.bundle))
        assert "certificate" in refused(refresh, caplog).message
        assert middle.seen == []
    assert seen[0].startswith(b"CONNECT as.example:443 ")
