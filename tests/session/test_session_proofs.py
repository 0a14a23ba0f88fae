"""Tokens that are bound to a key, at an API over sockets that checks each proof: RFC 9449 sections 4.3, 7 and 9."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from proof_guard import ProofGuard
from session_source import Source
from support import Seen, Sent, Web, make_profile, make_token

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import StoreError
from aventus_creds.oauth.proofs import APIS, ProofKey
from aventus_creds.session.session import ApiSession

KEY = ProofKey.new()
OTHER = ProofKey.new()
MADE: list[ApiSession] = []


@pytest.fixture(autouse=True)
def _no_nonces() -> Iterator[None]:
    APIS._known.clear()
    yield
    APIS._known.clear()
    while MADE:
        MADE.pop().close()


@pytest.fixture
def guard(web: Web) -> ProofGuard:
    """The API of the session; its tokens are bound to KEY."""
    web.answer = guard = ProofGuard(web.url, lambda _: KEY.thumbprint)
    return guard


def bound(text: str = "a-bound-token", key: ProofKey = KEY, **fields: Any) -> Any:
    return make_token(text, token_type="DPoP", proof_key=key.text, **fields)


def session(web: Web, *tokens: Any, **keys: Any) -> ApiSession:
    given: dict[str, Any] = {"api_url": web.url, "dpop": True, "retries": 0}
    profile = make_profile(**(given | keys))
    MADE.append(ApiSession(profile, Source(*(tokens or [bound()]))))
    return MADE[-1]


def test_each_request_has_a_proof_of_its_own(web: Web, guard: ProofGuard) -> None:
    """For its method and address, without query and fragment; another number each time."""
    api = session(web)
    for method in ("GET", "POST", "DELETE"):
        assert api.request(method, "/v1/x?a=1&b=2#c", json={"a": 1}).ok
    assert guard.refusals == []
    assert [proof["htm"] for proof in guard.proofs] == ["GET", "POST", "DELETE"]
    assert {proof["htu"] for proof in guard.proofs} == {f"{web.url}/v1/x"}
    assert len({proof["jti"] for proof in guard.proofs}) == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda it: it.update(method="PUT"), "htm"),
        (lambda it: it.update(url="https://evil.example/v1/x"), "htu"),
        (lambda it: it.update(token=Hidden("another-token")), "ath"),
        (lambda it: it.update(now=5), "iat"),
        (lambda it: it.update(number=b""), "jti"),
        (lambda it: it.update(nonce="made-up"), "nonce"),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_the_guard_refuses_what_is_wrong(
    change: Callable[[dict[str, Any]], None],
    why: str,
    web: Web,
    guard: ProofGuard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that each part of a proof that the tests above take is looked at."""
    guard.nonce = "the-nonce"
    real = ProofKey.proof

    def wrong(key: ProofKey, method: str, url: str, **more: Any) -> str:
        given = {"method": method, "url": url, **more}
        change(given)
        return real(key, **given)

    monkeypatch.setattr(ProofKey, "proof", wrong)
    assert session(web).get("/v1/x").status_code == 401
    assert guard.refusals[-1] == why


def test_a_replayed_proof(web: Web, guard: ProofGuard) -> None:
    """What somebody has seen on the way, sent again as it was."""
    answer = session(web).get("/v1/x")
    again = {name: str(answer.request.headers[name]) for name in ("Authorization", "DPoP")}
    assert requests.get(f"{web.url}/v1/x", headers=again, timeout=5).status_code == 401
    assert guard.refusals == ["replayed"]


def test_a_stolen_token(web: Web, guard: ProofGuard) -> None:
    """With a key of the thief's: refused, and the error is the API's."""
    assert session(web, bound(key=OTHER), bound("newer", OTHER, age=-1000)).get("/v1/x").status_code == 401
    assert guard.refusals == ["another key"] * 2
    assert guard.proofs == []


def test_a_nonce_is_asked_for_once(web: Web, guard: ProofGuard) -> None:
    """It is kept for all sessions of the process, and replaced by that of any answer (section 8.2)."""
    guard.nonce = "n-1"
    api = session(web)
    assert api.post("/v1/x", data=b"body").ok
    assert guard.refusals == ["nonce"]
    guard.then = lambda _: Sent(headers={"DPoP-Nonce": "n-2"})
    assert session(web).get("/v1/x").ok
    guard.nonce = "n-2"
    assert api.get("/v1/x").ok
    assert guard.refusals == ["nonce"]
    assert [seen.body for seen in web.seen[:2]] == [b"body", b"body"]


@pytest.mark.parametrize(
    "nonces",
    [
        ["n-1", "n-2", "n-3", "n-4"],
        ["same"] * 4,
        ["x" * 2049] * 2,
        ["a b"] * 2,
        ['a"b'] * 2,
        ["\u00e4"] * 2,
        ["a\r\n Evil: yes"] * 2,
        [""] * 2,
    ],
    ids=["always another", "always the same", "huge", "a space", "a quote", "no ASCII", "two lines", "none"],
)
def test_a_nonce_that_never_suffices(nonces: list[str], web: Web) -> None:
    """One repetition at most, no refresh, and the answer goes to the caller. What is no nonce is not sent back."""
    given = iter(nonces)
    challenge = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
    web.answer = lambda _: Sent(401, headers={**challenge, "DPoP-Nonce": next(given)})
    tokens = Source(bound(), bound("another"))
    api = ApiSession(make_profile(api_url=web.url, dpop=True, retries=0), tokens)
    MADE.append(api)
    assert api.get("/v1/x").status_code == 401
    assert len(web.seen) == (2 if nonces[0] in {"n-1", "same"} else 1)
    assert tokens.stale == []
    assert "Evil" not in str(web.seen)
    assert nonces[0] in {"n-1", "same"} or APIS._known == {}


def test_a_body_that_cannot_be_sent_again(web: Web, guard: ProofGuard) -> None:
    """The 401 is the caller's; the next request has the nonce."""
    guard.nonce = "n-1"
    api = session(web)
    assert api.post("/v1/x", data=iter([b"a"])).status_code == 401
    assert api.post("/v1/x", data=iter([b"a"])).ok
    assert api.post("/v1/x", data=io.BytesIO(b"b")).ok


def test_a_file_is_sent_again_from_its_beginning(web: Web, guard: ProofGuard) -> None:
    guard.nonce = "n-1"
    assert session(web).post("/v1/x", data=io.BytesIO(b"whole")).ok
    assert [seen.body for seen in web.seen] == [b"whole"] * 2


def test_a_refused_token_is_replaced(web: Web, guard: ProofGuard) -> None:
    """invalid_token: one refresh; the repeated request has a proof for the new token."""
    guard.thumbprint_of = lambda token: KEY.thumbprint if token == "new" else "none"
    assert session(web, bound("old"), bound("new")).get("/v1/x").ok
    assert guard.refusals == ["another key"]
    assert len(web.seen) == 2


@pytest.mark.parametrize("error", ["invalid_dpop_proof", "insufficient_scope"])
def test_what_a_refresh_does_not_help(error: str, web: Web) -> None:
    web.answer = lambda _: Sent(401, headers={"WWW-Authenticate": f'Bearer, DPoP error="{error}"'})
    tokens = Source(bound(), bound("new"))
    api = ApiSession(make_profile(api_url=web.url, dpop=True, retries=0), tokens)
    MADE.append(api)
    assert api.get("/v1/x").status_code == 401
    assert tokens.stale == []


def test_retries_have_proofs_of_their_own(web: Web, guard: ProofGuard) -> None:
    """urllib3 sends the headers that it has: each writing of the proof is another."""
    left = [Sent(503), Sent(drop=True), Sent(503)]
    guard.then = lambda _: left.pop() if left else Sent(body={"ok": True})
    assert session(web, retries=3).get("/v1/x").ok
    assert guard.refusals == []
    assert len({proof["jti"] for proof in guard.proofs}) == 4


def test_a_request_that_is_sent_twice(web: Web, guard: ProofGuard) -> None:
    api = session(web)
    prepared = api.prepare_request(requests.Request("GET", "/v1/x"))
    assert api.send(prepared).ok
    assert api.send(prepared).ok
    assert guard.refusals == []


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_within_the_api(status: int, web: Web, guard: ProofGuard) -> None:
    """The next request has a proof for its own address and method."""
    guard.then = lambda seen: (
        Sent(status, headers={"Location": "/v2/y?z=1"}) if seen.path == "/v1/x" else Sent(body={"ok": True})
    )
    assert session(web).post("/v1/x", data=b"x").ok
    assert guard.refusals == []
    assert [(proof["htm"], proof["htu"]) for proof in guard.proofs] == [
        ("POST", f"{web.url}/v1/x"),
        ("POST" if status == 307 else "GET", f"{web.url}/v2/y"),
    ]


def test_nothing_to_another_origin(web: Web, guard: ProofGuard) -> None:
    """Neither token nor proof: not at once, not after a redirect, and its nonce is not kept."""
    with Web() as other:
        other.answer = lambda _: Sent(
            401, headers={"DPoP-Nonce": "evil", "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
        )
        guard.then = lambda _: Sent(302, headers={"Location": f"{other.url}/x"})
        api = session(web)
        api.get("/v1/x")
        api.get(f"{other.url}/y")
        assert len(other.seen) == 2
        assert not [seen for seen in other.seen if {"Authorization", "DPoP"} & seen.headers.keys()]
        assert "evil" not in APIS._known.values()


def test_the_callers_own_session(web: Web, guard: ProofGuard) -> None:
    """The auth works in a plain session too, and takes its headers off before a redirect elsewhere."""
    with Web() as other:
        guard.then = lambda _: Sent(302, headers={"Location": f"{other.url}/x"})
        with requests.Session() as plain:
            plain.trust_env = False
            plain.auth = session(web).auth
            plain.get(f"{web.url}/v1/x", timeout=5)
        assert not {"Authorization", "DPoP"} & other.seen[0].headers.keys()


def test_an_error_shows_neither_token_nor_proof(web: Web) -> None:
    web.answer = lambda _: Sent(drop=True)
    with pytest.raises(requests.ConnectionError) as caught:
        session(web).get("/v1/x")
    request = caught.value.request
    assert request is not None
    assert not {"Authorization", "DPoP"} & request.headers.keys()


def test_a_token_without_a_key_is_a_bearer_token(web: Web) -> None:
    """One that the environment injects, say."""
    assert session(web, make_token("plain")).get("/v1/x").ok
    assert web.seen[0].headers["Authorization"] == "Bearer plain"
    assert "DPoP" not in web.seen[0].headers


@pytest.mark.parametrize("text", ["x", "{}", "[]", json.dumps({"kty": "oct", "k": "AAAA"}), '{"kty": "EC"}'])
def test_a_damaged_key(text: str, web: Web) -> None:
    """Nothing is sent, and the error says what to do, without the key."""
    with pytest.raises(StoreError, match="damaged") as caught:
        session(web, make_token("t", token_type="DPoP", proof_key=text)).get("/v1/x")
    assert caught.value.hint == "Log in again."
    assert web.seen == []


def test_plain_profiles_know_nothing_of_it(web: Web) -> None:
    """Another class does it: the session of a plain profile has no branch for proofs."""
    api = session(web, make_token("plain"), dpop=False)
    assert type(api.auth).__name__ == "BearerAuth"
    seen: list[Seen] = web.seen
    assert api.get("/v1/x").ok
    assert "DPoP" not in seen[0].headers
