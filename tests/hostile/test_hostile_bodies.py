"""A hostile or broken authorization server: bodies and tokens that cannot be used."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import zlib
from typing import Any
from urllib.parse import parse_qs

import pytest
from hostile_server import (
    GOOD,
    MEGABYTE,
    NEW_TOKEN,
    REFRESH_TOKEN,
    Profiles,
    keep,
    log_in,
    open_door,
    refresh,
    refused,
    stored,
    token_answer,
)
from support import Seen, Sent, Web, make_token

from aventus_creds.errors import InvalidAnswer
from aventus_creds.oauth.transport import LARGEST_ANSWER

# Bodies


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
