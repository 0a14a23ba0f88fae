"""Properties of what servers and files say: a sound value comes of it, or this package's own error.

``Fetching`` is a transport that has the answer already.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

import pytest
from attempts import client_of, endpoints, state_of
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import (
    JSON,
    NUMBERS,
    ODD_TEXT,
    SECRET,
    TEXT,
    assert_fit_to_be_shown,
    mutated,
    nested,
    tries,
)
from support import make_profile, make_token

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.basics.redact import LONGEST, plain
from aventus_creds.basics.urls import split_url
from aventus_creds.errors import InvalidAnswer, NetworkError, TokenRefused
from aventus_creds.logins.attempt import LoginAttempt
from aventus_creds.oauth import discovery
from aventus_creds.oauth.answer import Answer, read_token
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.device_answer import read_device_authorization
from aventus_creds.oauth.endpoints import find_endpoints
from aventus_creds.oauth.facts import MOST
from aventus_creds.oauth.request import Endpoints, ServerRequest, device_token_request, refresh_request
from aventus_creds.oauth.transport import Transport
from aventus_creds.stores.file import FileStore
from aventus_creds.tokens import Token, jwt_account, jwt_claims

PROFILE: Final = make_profile(scope="openid api", redirect_uri="http://127.0.0.1:8765/callback")
REQUEST: Final = ServerRequest("https://as.example.com/token", {}, b"", (SECRET,))
NOW: Final = 1_700_000_000.0
ECHOES: Final = st.sampled_from(
    [SECRET, quote(SECRET), f"x{SECRET}\x1b[31m", f"{SECRET}{SECRET}", f"\u202e{SECRET}"]
)


def jwt(claims: Any) -> str:
    return "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode() + ".c2ln"


JWTS: Final = st.builds(
    jwt,
    st.dictionaries(
        st.sampled_from(["exp", "iat", "sub", "email", "name", "nonce"]), JSON | NUMBERS, max_size=4
    )
    | JSON,
)
SPANS: Final = NUMBERS | st.sampled_from(
    ["3600", "1e999", "nan", "-5", "٣٦٠٠", "1_0", " 60 ", "9" * 5000, True]
)
FIELDS: Final = st.fixed_dictionaries(
    {},
    optional={
        "access_token": st.just("tok") | JWTS | TEXT | JSON,
        "token_type": st.just("Bearer") | JSON,
        "expires_in": SPANS | JSON,
        "refresh_token": st.just("a-refresh-token") | TEXT | JSON,
        "scope": st.just("api openid") | TEXT | JSON,
        "id_token": JWTS | JSON,
        "error": st.just("invalid_grant") | ECHOES | JSON,
        "error_description": ECHOES | JSON,
        "message": ECHOES | JSON,
        "errorCode": ECHOES,
        "errors": JSON | ECHOES | st.lists(ECHOES, max_size=2),
        "fault": JSON | st.builds(lambda said: {"faultstring": said, "detail": {}}, ECHOES),
        "realmId": TEXT | NUMBERS | ECHOES,
        "user": JSON | st.builds(lambda token: {"access_token": token, "id": SECRET}, st.just("tok") | TEXT),
        "users": JSON | st.lists(st.just({"name": "x", "access_token": "tok"}) | JSON, max_size=3),
    },
)
BODY: Final = b'{"access_token": "tok", "token_type": "Bearer", "expires_in": 3600, "scope": "api"}'
BODIES: Final = (
    FIELDS.map(lambda fields: json.dumps(fields).encode())
    | FIELDS.map(lambda fields: json.dumps(fields, ensure_ascii=False).encode("utf-16", "surrogatepass"))
    | JSON.map(lambda anything: json.dumps(anything).encode())
    | mutated(BODY, (b"1e999", b"NaN", b"9" * 5000, b"[" * 2000, b"null", b"\\ud800", SECRET.encode()))
    | st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 100_000, SECRET.encode(), f"<p>{SECRET}".encode(), b"\0" * 99]
    )
)
ANSWERS: Final = st.builds(
    Answer,
    st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 429, 500, 503]) | st.integers(0, 999),
    st.sampled_from(["application/json", "text/plain", "text/plain; charset=x", "text/html", ""]) | TEXT,
    BODIES,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FileStore:
    return FileStore(tmp_path_factory.mktemp("fuzz"))


def survives_its_file(store: FileStore, token: Token) -> None:
    """The token is the same after it was stored and read."""
    with store.lock("key"):
        store.delete("key")
        store.save("key", token)
    assert store.load("key") == token


@tries(200)
@given(ANSWERS, st.none() | st.just(make_token("old", refresh_token=SECRET, scope="openid")))
@example(Answer(200, "", b'{"access_token": "t", "scope": "a\\nb"}'), None)
@example(Answer(200, "", b'{"access_token": "t", "scope": ["a", "\\ud800"]}'), None)
@example(Answer(200, "", b'{"access_token": "t", "refresh_token": "\\ud800"}'), None)
@example(Answer(200, "", b'{"access_token": "t", "refresh_token": "a\\nb"}'), None)
def test_any_answer_gives_a_token_that_can_be_kept(
    store: FileStore, answer: Answer, previous: Token | None
) -> None:
    """A token that is taken can be sent, shown, stored and refreshed; a refusal tells nothing secret."""
    try:
        token = read_token(PROFILE, answer, REQUEST, now=NOW, previous=previous)
    except (TokenRefused, InvalidAnswer) as error:
        assert_fit_to_be_shown(error, longest=1000)
        return
    assert f"Bearer {token.access_token}".isprintable()
    assert token.obtained_at == NOW <= token.expires_at
    assert SECRET not in repr(token)
    if token.refresh_token:
        assert refresh_request(PROFILE, endpoints(), token.refresh_token, None).body
    assert not [
        text for text in (*token.extra, *token.extra.values()) if SECRET in text or not text.isprintable()
    ]
    survives_its_file(store, token)


RULES: Final = st.fixed_dictionaries(
    {},
    optional={
        "token_path": st.sampled_from(["user", "users[name=x]", "user.a.b", "users", "realmId"]),
        "bearer": st.just("id_token"),
        "token_types": st.sampled_from([("bot",), ("Bearer", "user access token")]),
        "scope_separator": st.just(","),
    },
)


@tries(200)
@given(ANSWERS, RULES, st.none() | st.just(make_token("old", refresh_token=SECRET, extra={"realmId": "1"})))
def test_any_answer_by_any_rule(
    store: FileStore, answer: Answer, rules: dict[str, Any], previous: Token | None
) -> None:
    """A token from inside an answer, of another type, or an ID token: one that can be kept, or an error of ours."""
    profile = PROFILE._replace(**rules)
    try:
        token = read_token(profile, answer, REQUEST, now=NOW, previous=previous)
    except (TokenRefused, InvalidAnswer) as error:
        assert_fit_to_be_shown(error, longest=1000)
        return
    assert f"Bearer {token.access_token}{token.id_token or ''}".isascii()
    assert token.id_token or profile.bearer == "access_token"
    assert len(token.extra) <= MOST
    survives_its_file(store, token)


@tries(100)
@given(
    st.text("abcXYZ019._~+/-=", min_size=1),
    st.none() | SPANS,
    st.none() | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1),
    st.none() | st.lists(st.text("abc:/.", min_size=1)).map(" ".join),
)
def test_a_good_answer_gives_its_token(
    access_token: str, span: Any, refresh_token: str | None, scope: Any
) -> None:
    """What the answer says is in the token, as it was said."""
    fields = {
        "access_token": access_token,
        "expires_in": span,
        "refresh_token": refresh_token,
        "scope": scope,
    }
    answer = Answer(200, "application/json", json.dumps({"token_type": "bearer", **fields}).encode())
    token = read_token(PROFILE, answer, REQUEST, now=NOW)
    assert token.access_token == access_token
    assert token.refresh_token == refresh_token
    assert token.scope == (PROFILE.scope if scope is None else scope)
    if isinstance(span, int) and not isinstance(span, bool) and 0 < span < 10**8:
        assert token.expires_at == NOW + span


@tries(100)
@given(
    st.builds(
        Token, st.text("abc.~", min_size=1), expires_at=st.floats(0, 2e11), obtained_at=st.floats(0, 2e11)
    )
)
def test_a_token_survives_its_file(store: FileStore, token: Token) -> None:
    """To the last bit of its times."""
    survives_its_file(store, token)


FILE: Final = {
    "format": 1,
    "key": "key",
    "access_token": "tok",
    "token_type": "Bearer",
    "obtained_at": NOW,
    "expires_at": NOW + 3600,
    "refresh_token": "r",
    "scope": "api",
    "id_token": "e30.e30.c2ln",
    "extra": {"realmId": "1"},
}
WHOLE_FILE: Final = json.dumps(FILE, indent=1).encode()


@tries(150)
@given(
    mutated(WHOLE_FILE, (b"1e999", b"NaN", b"[" * 2000, b'"\\u0000"', b"null", b"-1", b"9" * 5000))
    | st.builds(
        lambda changes: json.dumps({**FILE, **changes}).encode(),
        st.dictionaries(st.sampled_from(list(FILE)), JSON | NUMBERS, min_size=1, max_size=3),
    )
    | JSON.map(lambda anything: json.dumps(anything).encode())
    | st.binary(max_size=60)
)
@example(json.dumps({**FILE, "access_token": "a\nb"}).encode())
@example(json.dumps({**FILE, "refresh_token": "\ud800"}).encode())
@example(json.dumps({**FILE, "expires_at": 1e300}).encode())
@example(json.dumps({**FILE, "id_token": "\u00e9"}).encode())
@example(json.dumps({**FILE, "extra": {"a": "b\nc"}}).encode())
@example(json.dumps({**FILE, "extra": {"\u001b": "b"}}).encode())
@example(json.dumps({**FILE, "extra": {"a": ["b"]}}).encode())
@example(json.dumps({**FILE, "extra": [["a", "b"]]}).encode())
def test_any_file_gives_a_sound_token_or_none(store: FileStore, content: bytes) -> None:
    """A damaged file is no login, and is kept aside by the next one; what is taken can be shown and sent."""
    path = store.path("key")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    token = store.load("key")
    if token is not None:
        assert f"Bearer {token.access_token}".isprintable()
        assert repr(token)
        assert (token.id_token or "").isascii()
        assert all(text.isprintable() for text in (*token.extra, *token.extra.values()))
        assert isinstance(token.fresh(NOW), bool)
        assert (
            token.refresh_token is None
            or refresh_request(PROFILE, endpoints(), token.refresh_token, None).body
        )
    with store.lock("key"):
        store.save("key", new := make_token())
    assert store.load("key") == new
    if token is None:
        assert path.with_suffix(".damaged").read_bytes() == content


# Redirects

QUERIES: Final = st.lists(
    st.tuples(
        st.sampled_from(["code", "error", "error_description", "iss", "state", "scope", "session_state"])
        | TEXT,
        st.sampled_from(["STATE", "a-code", "access_denied", "https://as.example.com", SECRET])
        | ECHOES
        | TEXT,
    ),
    max_size=5,
)


@tries(200)
@given(QUERIES | TEXT, st.sampled_from(["", "https://as.example.com"]), st.booleans(), st.booleans())
@example([("state", "\ud800"), ("code", "x")], "", False, False)
@example([("state", "STATE"), ("code", "\ud800")], "", False, False)
@example([("state", "STATE"), ("error", "\ud800")], "", False, False)
def test_any_redirect_is_answered(
    pairs: Any,
    issuer: str,
    encoded: bool,  # noqa: FBT001 - drawn
    refused: bool,  # noqa: FBT001 - drawn
) -> None:
    """The login ends only by its own state; the page and the error hold neither state, verifier nor code."""
    random = [bytes([number]) * 96 for number in (1, 2, 3)]
    authorization = Authorization(
        PROFILE, endpoints(issuer), PROFILE.redirect_uris[0], random=lambda n: random.pop()[:n]
    )
    state = state_of(authorization.url)
    if isinstance(pairs, str):
        query = pairs
    elif encoded:
        query = urlencode([(k, v.replace("STATE", state)) for k, v in pairs], errors="ignore")
    else:
        query = "&".join(f"{key}={value}" for key, value in pairs).replace("STATE", state)
    status, body = (
        (400, {"error": "invalid_grant", "error_description": state})
        if refused
        else (200, {"access_token": "t"})
    )
    saved: list[Token] = []
    client = client_of(PROFILE, post=lambda _: Answer(status, "", json.dumps(body).encode()))
    attempt = LoginAttempt(PROFILE, client, authorization, save=saved.append)
    reply = attempt.deliver(query)
    assert state not in reply.text
    assert reply.text
    assert all(line.isprintable() for line in reply.text.split("\n"))
    assert len(reply.text) < 2000
    assert reply.ended == attempt.ended.is_set()
    assert reply.success == bool(saved)
    if reply.ended:
        assert state in query
    else:
        good = attempt.deliver(urlencode({"state": state, "code": "c", "iss": issuer}))
        assert good.success != refused


# Devices and discovery

DEVICE: Final = {
    "device_code": "d",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://as.example.com/device",
    "expires_in": 600,
    "interval": 5,
}


@tries(150)
@given(
    st.dictionaries(
        st.sampled_from([*DEVICE, "verification_uri_complete", "verification_url", "error"]),
        JSON
        | ODD_TEXT
        | ECHOES
        | SPANS
        | st.sampled_from(["http://evil.example/", "javascript:x", "https://a\\@b/"]),
        max_size=3,
    ),
    st.sampled_from([200, 200, 400, 500]),
)
def test_any_device_answer_leads_to_a_safe_address(changes: dict[str, Any], status: int) -> None:
    """The person is shown a code in one line and an https address, for a time that ends."""
    body = json.dumps({**DEVICE, **changes}).encode()
    try:
        device = read_device_authorization(PROFILE, Answer(status, "application/json", body), REQUEST)
    except (TokenRefused, InvalidAnswer) as error:
        assert_fit_to_be_shown(error, longest=1000)
        return
    assert device.user_code.isprintable()
    assert split_url(device.verification_uri)
    assert not device.verification_uri_complete or split_url(device.verification_uri_complete)
    assert 0 <= device.interval <= 60
    assert device.expires_in == device.expires_in  # a number, not nan
    assert device_token_request(PROFILE, endpoints(), device.device_code, None).body


ISSUER: Final = "https://as.example.com"
DOCUMENT: Final = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "device_authorization_endpoint": f"{ISSUER}/device",
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "authorization_response_iss_parameter_supported": True,
}
DOCUMENTS: Final = (
    st.builds(
        lambda changes: json.dumps({**DOCUMENT, **changes}).encode(),
        st.dictionaries(st.sampled_from(list(DOCUMENT)), JSON | ODD_TEXT | st.just(ISSUER + "/"), max_size=3),
    )
    | mutated(json.dumps(DOCUMENT).encode(), (b"null", b"[" * 2000, b"\\ud800", b"http://", b"@", b"1e999"))
    | JSON.map(lambda anything: json.dumps(anything).encode())
)


class Fetching(Transport):
    """A transport that has the answer already."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = Answer(status, "application/json", body)

    def get(self, url: str) -> Answer:
        return self._answer


def discover(folder: Path, status: int, body: bytes, now: float = NOW) -> Endpoints | None:
    profile = make_profile(issuer=ISSUER, client_id="c", redirect_uri="http://127.0.0.1:8765/callback")
    try:
        return find_endpoints(profile, Fetching(status, body), PrivateFolder(folder), now=now)
    except (InvalidAnswer, NetworkError) as error:
        assert_fit_to_be_shown(error, longest=1000)
        return None


@tries(150)
@given(DOCUMENTS, st.sampled_from([200, 200, 200, 404, 500]))
@example(json.dumps({**DOCUMENT, "x": nested(1, 900)}).encode(), 200)
def test_any_document_gives_safe_endpoints(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, status: int
) -> None:
    """Each is an address that a secret may be sent to; and the kept document says the same as the fetched one."""
    folder = tmp_path_factory.getbasetemp() / "discovery"
    for kept in folder.glob("*.json"):
        kept.unlink()
    found = discover(folder, status, body)
    if found is None:
        assert not list(folder.glob("*.json"))
        return
    assert status == 200
    assert found.issuer.rstrip("/") == ISSUER
    for url in (found.authorize_url, found.token_url, found.revoke_url, found.device_url):
        assert not url or split_url(url)
    assert discover(folder, 500, b"", NOW + 60) == found


def test_a_document_as_deep_as_the_interpreter_can_read(tmp_path: Path) -> None:
    """What can just be read may not be written: then it is not kept, and serves all the same."""
    for depth in range(850, 1000):
        body = json.dumps(DOCUMENT)[:-1] + f', "x": {"[" * depth}{"]" * depth}' + "}"
        found = discover(tmp_path, 200, body.encode(), NOW + depth * discovery.KEPT_FOR)
        assert found is None or found.token_url == DOCUMENT["token_endpoint"]


@tries(100)
@given(st.binary(max_size=60) | mutated(json.dumps({"fetched_at": NOW, "document": DOCUMENT}).encode()))
def test_any_kept_document_is_used_or_fetched_again(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """A damaged file of an earlier run costs a request, never the login."""
    folder = tmp_path_factory.getbasetemp() / "discovery"
    discover(folder, 200, json.dumps(DOCUMENT).encode())
    next(folder.glob("*.json")).write_bytes(content)
    assert discover(folder, 200, json.dumps(DOCUMENT).encode()) is not None


# Words and claims


@tries(200)
@given(
    st.lists(TEXT | ECHOES | st.just(quote(SECRET, safe="")), max_size=4).map("".join) | JSON,
    st.sets(st.text("ab/+ %é&", min_size=8, max_size=12), max_size=3),
)
def test_any_words_become_one_short_line(words: Any, secrets: set[str]) -> None:
    """Printable, bounded, and without the secrets, in whatever of the usual encodings they come."""
    if isinstance(words, str):
        for secret in secrets:
            small = quote_plus(secret).replace("%2B", "%2b").replace("%C3", "%c3")
            words += f"<{secret}|{quote(secret, safe='')}|{small}>"
    line = plain(words, (SECRET, *secrets))
    assert line == "" or line.isprintable()
    assert len(line) <= LONGEST + 1
    for secret in (SECRET, *secrets):
        assert secret not in line
        for form in (quote(secret, safe=""), quote_plus(secret)):
            assert form.lower() not in line.lower()


@tries(150)
@given(
    JWTS
    | TEXT
    | st.lists(st.binary(max_size=20).map(lambda b: base64.b64encode(b).decode()), max_size=4).map(".".join)
)
def test_any_text_has_claims_or_none(text: str) -> None:
    """An opaque token, an encrypted one or a broken one tells nothing, and raises nothing."""
    assert isinstance(jwt_claims(text), dict)
    account = jwt_account(text)
    assert account == "" or account.isprintable()


@tries(100)
@example({"\ud800\udcff": None})
@given(st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT, max_size=4))
def test_the_claims_of_a_jwt_are_read(claims: dict[str, Any]) -> None:
    """As they were written, but for two halves of a character, which JSON joins."""
    assert jwt_claims(jwt(claims)) == json.loads(json.dumps(claims))
