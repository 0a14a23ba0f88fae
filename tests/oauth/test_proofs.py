"""Proofs at the token endpoint (RFC 9449 sections 4, 5 and 8), as values: keys, nonces, downgrades, refusals."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attempts import client_of
from joserfc import jws
from joserfc.jwk import JWKRegistry
from oauth_values import CODE, answer, endpoints
from support import make_profile, make_token, variables_shown

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import ConfigError, InvalidAnswer, TokenRefused
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.proofs import MOST_ORIGINS, SERVERS, Nonces, ProofKey
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.stores.record import decode, encode
from aventus_creds.tokens import Token


@pytest.fixture(autouse=True)
def _no_nonces() -> Iterator[None]:
    SERVERS._known.clear()
    yield
    SERVERS._known.clear()


def claims_of(request: ServerRequest) -> dict[str, Any]:
    """Check the signature of a request's proof by the key in its header, and return all that it says."""
    proof = request.headers["DPoP"]
    header = json.loads(_decoded(proof.split(".")[0]))
    checked = jws.deserialize_compact(
        proof, JWKRegistry.import_key(header["jwk"]), algorithms=[header["alg"]]
    )
    return {**header, **json.loads(checked.payload)}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def told(nonce: str = "", status: int = 200, **body: Any) -> Answer:
    given = answer(status, **body)
    return Answer(status, given.content_type, given.body, dpop_nonce=nonce)


def token_answer(nonce: str = "", **more: Any) -> Answer:
    body: dict[str, Any] = {"access_token": "new", "token_type": "DPoP", "expires_in": 60}
    return told(nonce, **(body | more))


def wants(nonce: str, status: int = 400) -> Answer:
    return told(nonce, status, error="use_dpop_nonce")


class Server:
    """A token endpoint as a function."""

    def __init__(self, *answers: Answer, **profile: Any) -> None:
        self.seen: list[ServerRequest] = []
        self.answers = list(answers)
        keys: dict[str, Any] = {
            "dpop": True,
            "retries": 0,
            "grant": "client_credentials",
            "client_secret": "a-secret",
        }
        self.profile = make_profile(**(keys | profile))

    def __call__(self, request: ServerRequest) -> Answer:
        self.seen.append(request)
        return self.answers.pop(0)

    @property
    def client(self) -> OAuthClient:
        return client_of(self.profile, self, endpoints(self.profile))

    def token(self) -> Token:
        return self.client.client_credentials()


def test_a_proof() -> None:
    """RFC 9449 section 4.2: the type, the public key, and for which request it is."""
    server = Server(token_answer())
    token = server.token()
    (request,) = server.seen
    said = claims_of(request)
    assert said["typ"] == "dpop+jwt"
    assert said["alg"] == "ES256"
    assert said["jwk"].keys() == {"kty", "crv", "x", "y"}
    assert (said["htm"], said["htu"]) == ("POST", server.profile.token_url)
    assert not {"ath", "nonce"} & said.keys()
    assert token.proof_key
    assert (
        JWKRegistry.import_key(said["jwk"]).thumbprint() == ProofKey.read(Hidden(token.proof_key)).thumbprint
    )
    assert request.headers["DPoP"] in request.secrets


def test_each_login_has_a_key_of_its_own() -> None:
    server = Server(token_answer(), token_answer())
    assert server.token().proof_key != server.token().proof_key


def test_a_refresh_proves_the_old_key() -> None:
    """A public client's refresh token is bound to it (section 5); a token from elsewhere without a key gets one."""
    key = ProofKey.new()
    old = make_token(refresh_token="r", proof_key=key.text)
    profile = {"grant": "confidential", "redirect_uri": "http://127.0.0.1:1/"}
    server = Server(token_answer(), token_answer(), **profile)
    assert server.client.refresh(old, retries=0).proof_key == key.text
    assert JWKRegistry.import_key(claims_of(server.seen[0])["jwk"]).thumbprint() == key.thumbprint
    assert server.client.begin(Hidden("from-elsewhere")).proof_key not in {None, key.text}


def test_the_code_is_bound() -> None:
    """Section 10: dpop_jkt in the authorization request, and in a pushed one."""
    key = ProofKey.new()
    profile = make_profile(dpop=True, redirect_uri="http://127.0.0.1:1/")
    made = Authorization(profile, endpoints(profile), "http://127.0.0.1:1/", random=bytes, proof_key=key)
    assert f"&dpop_jkt={key.thumbprint}" in made.url
    assert f"&dpop_jkt={key.thumbprint}" in made.pushed(None).body.decode()
    assert key.text not in f"{made!r}{key!r}"


def test_a_nonce_is_answered_once() -> None:
    """Section 8; with a secret in the first request made anew, and kept for the next (section 8.2)."""
    server = Server(wants("n-1"), token_answer("n-2"), token_answer())
    server.token()
    first, second = map(claims_of, server.seen)
    assert ("nonce" in first, second["nonce"]) == (False, "n-1")
    assert first["jti"] != second["jti"]
    server.token()
    assert claims_of(server.seen[2])["nonce"] == "n-2"


@pytest.mark.parametrize(
    ("answers", "sent"),
    [
        ([wants("n-1"), wants("n-2"), wants("n-3")], 2),
        ([wants("same")] * 3, 2),
        ([wants("")] * 2, 1),
        ([wants("x" * 2049)] * 2, 1),
        ([wants("a b")] * 2, 1),
        ([wants("a\r\n Evil: 1")] * 2, 1),
        ([told("n-1", 400, error="invalid_dpop_proof")] * 2, 1),
        ([wants("n-1", 403)] * 2, 1),
    ],
    ids=["always another", "always the same", "none", "huge", "a space", "two lines", "another error", "403"],
)
def test_a_nonce_that_never_suffices(answers: list[Answer], sent: int) -> None:
    server = Server(*answers)
    with pytest.raises(TokenRefused) as caught:
        server.token()
    assert len(server.seen) == sent
    assert caught.value.hint
    assert "Evil" not in str([claims_of(request) for request in server.seen])


def test_a_code_is_sent_again_only_for_its_nonce() -> None:
    """What would be a second use is the first that the server looks at; any other refusal ends the login."""
    profile = {"grant": "confidential", "redirect_uri": "http://127.0.0.1:1/"}
    for first, sent in ((wants("n-1"), 2), (told("n-1", 400, error="invalid_grant"), 1)):
        SERVERS._known.clear()
        server = Server(first, token_answer(), **profile)
        made = Authorization(
            server.profile,
            endpoints(server.profile),
            "http://127.0.0.1:1/",
            random=bytes,
            proof_key=ProofKey.new(),
        )
        if sent == 2:
            assert server.client.exchange(made, Hidden(CODE)).proof_key
        else:
            with pytest.raises(TokenRefused):
                server.client.exchange(made, Hidden(CODE))
        assert len(server.seen) == sent


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", None, "", 5, "DPoP2", ["DPoP"]])
def test_a_token_that_is_not_bound(token_type: Any) -> None:
    """Section 5: it would be a bearer token. It is refused, and the error says why."""
    with pytest.raises(InvalidAnswer, match="not bound to the key") as caught:
        Server(token_answer(token_type=token_type)).token()
    assert "dpop_bound_access_tokens" in caught.value.hint


def test_a_bound_token_that_nobody_asked_for() -> None:
    """Without the key it is of no use; the hint is the key of the profile."""
    server = Server(token_answer(), dpop=False)
    with pytest.raises(InvalidAnswer, match="type DPoP") as caught:
        server.token()
    assert "dpop = true" in caught.value.hint
    assert "DPoP" not in server.seen[0].headers


@pytest.mark.parametrize("token_type", ["DPoP", "dpop", "DPOP"])
def test_the_type_is_compared_without_case(token_type: str) -> None:
    assert Server(token_answer(token_type=token_type)).token().token_type == "DPoP"


def test_a_refusal_shows_no_proof() -> None:
    """Whatever the server repeats, in the message and in the variables of a traceback."""

    def quoting(request: ServerRequest) -> Answer:
        return told(
            "", 400, error="invalid_dpop_proof", error_description=f"bad {request.headers['DPoP'][5:60]}"
        )

    server = Server()
    client = client_of(server.profile, quoting, endpoints(server.profile))
    with pytest.raises(TokenRefused) as caught:
        client.client_credentials()
    assert "eyJ" not in str(caught.value)
    shown = variables_shown(caught.value)
    assert "eyJ" not in shown
    assert '"d"' not in shown


@pytest.mark.parametrize(
    ("taken", "algorithm"),
    [
        ((), "ES256"),
        (("RS256", "ES256"), "ES256"),
        (("RS256", "ES384"), "ES384"),
        (("ES512",), "ES512"),
        (("EdDSA",), "EdDSA"),
        (("Ed25519",), "Ed25519"),
    ],
)
def test_the_algorithm(taken: tuple[str, ...], algorithm: str) -> None:
    """ES256, or the first that the server takes. Each signs, and can be read again."""
    key = ProofKey.new(taken)
    again = ProofKey.read(Hidden(key.text))
    for each in (key, again):
        proof = each.proof("GET", "https://a.example/", now=1, number=bytes(16))
        assert json.loads(_decoded(proof.split(".")[0]))["alg"] == algorithm
    assert key.thumbprint == again.thumbprint


def test_no_algorithm_in_common() -> None:
    with pytest.raises(ConfigError, match="signed by RS256, PS256, and none of ES256"):
        ProofKey.new(("RS256", "PS256"))


@pytest.mark.parametrize(
    ("url", "htu"),
    [
        ("https://a.example/x?y=1#z", "https://a.example/x"),
        ("https://a.example/x#z?y", "https://a.example/x"),
        ("https://a.example:444", "https://a.example:444"),
    ],
)
def test_the_address(url: str, htu: str) -> None:
    """Without query and fragment (section 4.2)."""
    proof = ProofKey.new().proof("GET", url, now=1, number=bytes(16))
    assert json.loads(_decoded(proof.split(".")[1]))["htu"] == htu


def test_nonces_are_few() -> None:
    """The oldest is forgotten."""
    nonces = Nonces()
    for number in range(MOST_ORIGINS + 5):
        assert nonces.note(f"https://h{number}.example/x", f"n-{number}")
    assert len(nonces._known) == MOST_ORIGINS
    assert nonces.of("https://h0.example/") == ""
    assert nonces.of(f"https://h{MOST_ORIGINS + 4}.example/y?z") == f"n-{MOST_ORIGINS + 4}"


def test_it_is_kept_in_the_record() -> None:
    """And a record without one is as it was: older versions read it."""
    token = make_token(proof_key=ProofKey.new().text, token_type="DPoP")
    assert decode("k", encode("k", token)) == token
    assert b"proof_key" not in encode("k", make_token())
    assert decode("k", encode("k", token).replace(b'"proof_key": "', b'"proof_key": "\\u0007')) is None
    assert "proof_key" not in repr(token)
    assert token != make_token(token_type="DPoP")


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"api_auth": "X-Token: {token}"}, "goes with no api_auth"),
        ({"bearer": "id_token"}, "goes with no bearer"),
        ({"swap_url": "https://as.example.com/s"}, "goes with no swap_url"),
        ({"token_types": "bot"}, "goes with no token_types"),
        ({"grant": "given", "token": {"env": "A"}}, "somebody else has the key"),
    ],
)
def test_what_does_not_go_with_it(keys: dict[str, Any], what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        make_profile(dpop=True, api_url="https://api.example.com", **keys)


def test_another_login_than_without() -> None:
    """A profile that is changed gets no token of the other kind; all others stay where they are."""
    assert make_profile(dpop=True).fingerprint != make_profile().fingerprint
    assert make_profile(dpop=False).fingerprint == make_profile().fingerprint


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joserfc.jwk", None)
    makers: tuple[Callable[[], ProofKey], ...] = (ProofKey.new, lambda: ProofKey.read(Hidden("{}")))
    for make in makers:
        with pytest.raises(ConfigError, match="joserfc is not installed") as caught:
            make()
        assert "[keys]" in caught.value.hint
