"""The session over real sockets: an API that answers 401.

``Source`` has a row of tokens: each refusal brings the next; ``SourceThatKnows`` renews none twice, as a cache does.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from session_source import FIRST, SECOND, THIRD, Source, bearers, refusing
from support import Sent, Web, make_profile, make_token, variables_shown

from aventus_creds.errors import LoginRequired, NetworkError
from aventus_creds.session import refusals
from aventus_creds.session.session import ApiSession
from aventus_creds.sources.chain import token_source
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

# 401


def test_refused_token(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A refused token is shown to the source once, and the request sent once more with the new one."""
    source = Source(FIRST, SECOND)
    web.answer = refusing("token-1", then=Sent(body=b"yes"))
    response = make_session(web, source).get("/v1/me?a=b", headers={"X-Own": "1"})
    assert (response.status_code, response.text) == (200, "yes")
    assert source.stale == [FIRST]
    assert bearers(web) == ["Bearer token-1", "Bearer token-2"]
    assert {(seen.method, seen.path, seen.headers["X-Own"]) for seen in web.seen} == {
        ("GET", "/v1/me?a=b", "1")
    }
    assert [past.status_code for past in response.history] == [401]
    assert isinstance(response.history[0].content, bytes)
    assert response.request.headers["Authorization"] == "Bearer token-2"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "body",
    [
        lambda: b"0123456789",
        lambda: "0123456789",
        lambda: io.BytesIO(b"0123456789"),
        lambda: _at(io.BytesIO(b"before0123456789"), 6),
        lambda: _at(io.BytesIO(b"x" * 200_000 + b"0123456789"), 200_000),
    ],
    ids=["bytes", "text", "file", "offset", "far offset"],
)
def test_refused_with_a_body(
    web: Web, make_session: Callable[..., ApiSession], method: str, body: Callable[[], Any]
) -> None:
    """The body is repeated whole: the API has refused the request and done nothing, so a POST is repeated too."""
    web.answer = refusing("token-1")
    session = make_session(web, Source(FIRST, SECOND))
    assert session.request(method, "/", data=body()).status_code == 200
    assert [seen.body for seen in web.seen] == [b"0123456789"] * 2


def _at(file: io.BytesIO, position: int) -> io.BytesIO:
    file.seek(position)
    return file


def test_refused_with_form_json_and_files(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """Bodies that requests encodes are repeated as they were."""
    web.answer = refusing("token-1")
    for content in ({"data": {"a": "b"}}, {"json": {"a": "b"}}, {"files": {"f": b"content"}}):
        assert make_session(web, Source(FIRST, SECOND)).post("/", **content).status_code == 200
        first, second = web.seen
        assert first.body == second.body != b""
        assert first.headers["Content-Type"] == second.headers["Content-Type"]
        web.seen.clear()


def test_refused_with_a_generator(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A body that cannot be sent again is not: the caller has the 401, and the next request a new token."""
    source = Source(FIRST, SECOND, THIRD)
    web.answer = refusing("token-1")
    session = make_session(web, source)
    assert [session.post("/", data=iter([b"a", b"b"])).status_code for _ in range(3)] == [401, 200, 200]
    assert [seen.body for seen in web.seen] == [b"ab"] * 3
    assert source.stale == [FIRST]
    web.answer = refusing("token-1", "token-2")  # it was good, and is revoked now
    assert [session.post("/", data=iter([b"a", b"b"])).status_code for _ in range(2)] == [401, 200]
    assert source.stale == [FIRST, SECOND]


def test_refused_for_ever_with_a_generator(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """An API that refuses every upload costs one renewal, not one for each upload."""
    source = Source(FIRST, SECOND, THIRD)
    web.answer = lambda _: Sent(401)
    session = make_session(web, source)
    assert [session.post("/", data=iter([b"a"])).status_code for _ in range(4)] == [401] * 4
    assert source.stale == [FIRST]


def test_refused_for_ever(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """An API that refuses every token costs one renewal, not one for each request."""
    source = Source(FIRST, SECOND, THIRD)
    web.answer = lambda _: Sent(401, b"never")
    session = make_session(web, source)
    assert [session.get("/").text for _ in range(4)] == ["never"] * 4
    assert source.stale == [FIRST]
    assert bearers(web) == ["Bearer token-1"] + ["Bearer token-2"] * 4


def test_refused_for_ever_in_many_sessions(
    web: Web, make_session: Callable[..., ApiSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session for each call is one renewal too. Minutes later it is tried again: the token may be revoked by then."""
    source = Source(FIRST, SECOND, THIRD)
    web.answer = lambda _: Sent(401, b"never")
    assert [make_session(web, source).get("/").text for _ in range(4)] == ["never"] * 4
    assert source.stale == [FIRST]
    monkeypatch.setattr(refusals, "AGAIN", 0.0)
    web.answer = refusing("token-1", "token-2")
    assert make_session(web, source).get("/").status_code == 200
    assert source.stale == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("status", "challenge", "renewed"),
    [
        (403, 'Bearer error="invalid_token"', True),
        (403, 'Basic realm="x, y", bearer realm="a \\" error=b", Error=invalid_token', True),
        (403, 'Bearer realm="x", error="invalid_token", DPoP algs="ES256"', True),
        (403, 'Bearer error="insufficient_scope"', False),
        (403, 'Bearer realm="error=invalid_token"', False),
        (403, 'DPoP error="invalid_token"', False),
        (403, 'Bearer realm="x", Basic error="invalid_token"', False),
        (403, "", False),
        (401, "", True),
        (401, 'Bearer error="invalid_token"', True),
        (401, 'Bearer error="insufficient_user_authentication", acr_values="myACR"', False),
        (401, 'Bearer error = insufficient_scope , scope="a b"', False),
        (401, 'Basic error="insufficient_scope"', True),
        (401, "Bearer " + ", " * 30_000, True),
        (400, 'Bearer error="invalid_token"', False),
    ],
)
def test_which_answers_refuse_the_token(
    web: Web, make_session: Callable[..., ApiSession], *, status: int, challenge: str, renewed: bool
) -> None:
    """RFC 6750 section 3.1, RFC 9470 section 3: a new token is asked for only where it may help."""
    source = Source(FIRST, SECOND)
    web.answer = lambda seen: (
        Sent(status, headers={"WWW-Authenticate": challenge})
        if seen.headers["Authorization"] == "Bearer token-1"
        else Sent()
    )
    assert make_session(web, source).get("/").status_code == (200 if renewed else status)
    assert source.stale == [FIRST] * renewed


def test_refused_again_later(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A token that was good and is revoked later is renewed again."""
    source = Source(FIRST, SECOND, THIRD)
    session = make_session(web, source)
    web.answer = refusing("token-1")
    assert session.get("/").status_code == 200
    web.answer = refusing("token-1", "token-2")
    assert session.get("/").status_code == 200
    assert source.stale == [FIRST, SECOND]


def test_refused_like_the_one_that_was_found(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """Another process had renewed the token, and the server has revoked both: this one is renewed as well."""
    found = make_token("token-2", age=100, refresh_token="refresh-me")
    source = Source(FIRST, found, THIRD)
    session = make_session(web, source)
    web.answer = refusing("token-1", "token-2")
    response = session.get("/")
    assert (response.status_code, [old.status_code for old in response.history]) == (200, [401, 401])
    assert source.stale == [FIRST, found]
    # Once only, even where the clock was set back meanwhile, so that a new token looks old.
    web.answer = lambda _: Sent(401)
    older = make_token("token-3", age=200, refresh_token="refresh-me")
    session = make_session(web, source := Source(FIRST, found, older, THIRD))
    assert [session.get("/").status_code for _ in range(3)] == [401] * 3
    assert source.stale == [FIRST, found]
    assert bearers(web)[3:] == ["Bearer token-1", "Bearer token-2"] + ["Bearer token-3"] * 3


def test_refused_without_a_refresh_token(
    web: Web, make_session: Callable[..., ApiSession], caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be renewed the caller has the API's 401, and the log says what to do."""
    plain = make_token("token-1")
    source = Source(plain, LoginRequired("over", hint="Run: aventus-creds login prod"))
    web.answer = lambda _: Sent(401, b"no")
    response = make_session(web, source).get("/")
    assert (response.status_code, response.text, response.history) == (401, "no", [])
    (record,) = [record for record in caplog.records if record.name.startswith("aventus_creds")]
    assert record.levelname == "WARNING"
    assert "Run: aventus-creds login prod" in record.getMessage()
    assert "token-1" not in caplog.text


def test_refused_and_renewal_fails(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """What goes wrong in renewing is raised as what it is."""
    web.answer = lambda _: Sent(401)
    with pytest.raises(NetworkError):
        make_session(web, Source(FIRST, NetworkError("down"))).get("/")
    with pytest.raises(LoginRequired) as caught:
        make_session(web, Source(FIRST, LoginRequired("over"))).get("/")
    assert FIRST.access_token not in variables_shown(caught.value)


def test_refused_with_real_sources(web: Web, foreign: Web) -> None:
    """Through store, cache and token endpoint: renewed once; then the server ends the login, and that is said."""
    profile = make_profile(
        authorize_url=f"{foreign.url}/authorize",
        token_url=f"{foreign.url}/token",
        provider="oidc",
        api_url=web.url,
    )
    store = MemoryStore()
    store.save(profile.key, FIRST)
    foreign.answer = lambda _: Sent(
        body={"access_token": "token-2", "token_type": "bearer", "expires_in": 9000}
    )
    web.answer = refusing("token-1")
    source = token_source(
        profile, store, may_ask=lambda: False, log_in=lambda *_: pytest.fail("nobody is here")
    )
    with ApiSession(profile, source) as session:
        assert session.get("/").status_code == 200
        assert b"refresh_token=refresh-me" in foreign.seen[0].body
        stored = store.load(profile.key)
        assert stored is not None
        assert stored.access_token == "token-2"
        foreign.answer = lambda _: Sent(400, {"error": "invalid_grant"})
        web.answer = refusing("token-1", "token-2")
        with pytest.raises(LoginRequired, match="prod") as caught:
            session.get("/")
    assert caught.value.hint.endswith("aventus-creds login prod")
    assert len(foreign.seen) == 2


@pytest.mark.parametrize("body", [None, "stream"])
def test_refused_for_ever_with_real_sources(web: Web, foreign: Web, tmp_path: Path, body: str | None) -> None:
    """A session and a source for each call, over one store of files: one refresh for all of them."""
    profile = make_profile(
        authorize_url=f"{foreign.url}/authorize",
        token_url=f"{foreign.url}/token",
        provider="oidc",
        api_url=web.url,
    )
    store = FileStore(tmp_path / "tokens")
    store.save(profile.key, FIRST)
    foreign.answer = lambda _: Sent(body={"access_token": f"new-{len(foreign.seen)}", "token_type": "bearer"})
    web.answer = lambda _: Sent(401)
    for _ in range(5):
        source = token_source(
            profile,
            FileStore(tmp_path / "tokens"),
            may_ask=lambda: False,
            log_in=lambda *_: pytest.fail("no"),
        )
        with ApiSession(profile, source) as session:
            assert session.post("/", data=iter([b"x"]) if body else None).status_code == 401
    assert len(foreign.seen) == 1


def test_refused_then_redirected(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A repeat that is redirected within the API comes to its end."""
    source = Source(FIRST, SECOND)
    go = Sent(302, headers={"Location": "/end"})
    web.answer = lambda seen: refusing("token-1", then=go if seen.path == "/start" else Sent())(seen)
    assert make_session(web, SourceThatKnows(source)).get("/start").status_code == 200
    assert source.stale == [FIRST]


class SourceThatKnows:
    """What a cache does: a token that was replaced already is not renewed again."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        newest = self._source.token()
        return newest if stale != newest else self._source.token(stale)


def test_refused_then_busy(web: Web, make_session: Callable[..., ApiSession], slept: list[float]) -> None:
    """The repeat is an idempotent request like any other: a temporary failure does not end it."""
    web.answer = lambda seen: Sent(503) if len(web.seen) == 2 else refusing("token-1")(seen)
    assert make_session(web, Source(FIRST, SECOND)).get("/").status_code == 200
    assert bearers(web) == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]


def test_cookies(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """The repeat carries the cookies of the 401, and the session keeps those of both answers."""
    session = make_session(web, Source(FIRST, SECOND))
    session.cookies.set("old", "1", domain="127.0.0.1")
    web.answer = lambda seen: Sent(
        401 if len(web.seen) == 1 else 200, headers={"Set-Cookie": f"answer{len(web.seen)}=x"}
    )
    session.get("/", cookies={"own": "2"})
    assert {*web.seen[1].headers["Cookie"].split("; ")} == {"old=1", "own=2", "answer1=x"}
    assert {*session.cookies.keys()} == {"old", "answer1", "answer2"}


def test_cookie_header_of_the_caller(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A Cookie header that the caller wrote is repeated as it was."""
    session = make_session(web, Source(FIRST, SECOND))
    session.cookies.set("of-the-session", "1", domain="127.0.0.1")
    web.answer = lambda _: Sent(401 if len(web.seen) == 1 else 200, headers={"Set-Cookie": "of-the-answer=1"})
    session.get("/", headers={"Cookie": "mine=1"})
    assert [seen.headers["Cookie"] for seen in web.seen] == ["mine=1"] * 2
