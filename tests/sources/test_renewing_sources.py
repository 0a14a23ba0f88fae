"""Sources that renew a token over a real token endpoint, and one that was given it.

``Counted`` is a source that counts what is asked of it.
"""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from kept_tokens import EARLY, EXPIRED, Counted
from support import Sent, Web, free_port, make_profile, make_token

from aventus_creds.errors import LifetimeTooShort, LoginRequired, NetworkError, TokenRefused
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.injected import InjectedSource
from aventus_creds.sources.renewing import ClientCredentialsSource, RefreshingSource

# RefreshingSource, over a real endpoint


def test_refresh(web: Web, profile: Profile) -> None:
    """RFC 6749 section 6, on the wire; the new token keeps the refresh token that the answer leaves out."""
    web.answer = lambda _: Sent(body={"access_token": "new", "token_type": "Bearer", "expires_in": 60})
    source = RefreshingSource(profile, Counted())
    token = source.token(make_token(**EXPIRED, refresh_token="the-refresh-token"))
    assert (token.access_token, token.refresh_token) == ("new", "the-refresh-token")
    [seen] = web.seen
    assert (seen.method, seen.path) == ("POST", "/token")
    assert parse_qs(seen.body.decode())["refresh_token"] == ["the-refresh-token"]


def test_without_a_refresh_token_the_inner_source_is_asked(web: Web, profile: Profile) -> None:
    """Nothing is sent to the server then."""
    inner = Counted(make_token("inner"), make_token("inner"))
    source = RefreshingSource(profile, inner)
    assert source.token().access_token == "inner"
    assert source.token(make_token(**EXPIRED)).access_token == "inner"
    assert web.seen == []


def test_only_the_persons_errors_end_the_login(web: Web, profile: Profile) -> None:
    """What the server itself refuses needs a person; what a gateway says, or of the client, is raised as it is."""
    stale = make_token(**EXPIRED, refresh_token="r")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for sent in (
        Sent(400, {"error": "invalid_grant"}),
        Sent(
            403, {"error": "unauthorized_client", "error_description": "refresh_token is invalid"}
        ),  # Atlassian
        Sent(400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),  # HubSpot
        Sent(
            400, {"message": "Bad Request", "errors": [{"field": "refresh_token", "code": "invalid"}]}
        ),  # Strava
        Sent(200, {"error": "bad_refresh_token"}),  # GitHub
        Sent(400, b"error=invalid_grant", form),
        Sent(401, b"expired", {"Content-Type": "text/plain"}),
        Sent(403),
    ):
        web.answer = lambda _, sent=sent: sent  # type: ignore[misc]
        with pytest.raises(LoginRequired, match=r"the server refused to renew it: .*HTTP"):
            RefreshingSource(profile, Counted()).token(stale)
    page = {"Content-Type": "text/html"}
    for sent in (
        Sent(401, {"error": "invalid_client"}),
        Sent(400, {"error": "temporarily_unavailable"}),
        Sent(500, b"oops"),
        *(Sent(status) for status in (404, 405, 407, 408, 429)),
        Sent(403, b"<html>blocked</html>", page),
        Sent(403, b"<!doctype html><p>blocked"),
    ):
        web.answer = lambda _, sent=sent: sent  # type: ignore[misc]
        with pytest.raises(TokenRefused):
            RefreshingSource(profile, Counted()).token(stale)


def test_a_network_fault_is_no_login(web: Web, profile: Profile) -> None:
    """A dropped connection, and a port where nobody listens, are NetworkError."""
    stale = make_token(**EXPIRED, refresh_token="r")
    web.answer = lambda _: Sent(drop=True)
    with pytest.raises(NetworkError):
        RefreshingSource(profile, Counted()).token(stale)
    nobody = profile._replace(token_url=f"http://127.0.0.1:{free_port()}/token")
    with pytest.raises(NetworkError):
        RefreshingSource(nobody, Counted()).token(stale)


@pytest.mark.parametrize("sent", [Sent(drop=True), Sent(503), Sent(500, b"oops"), Sent(429)])
def test_a_passing_fault_is_retried(
    sent: Sent, web: Web, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With backoff, as often as the profile says; the token comes after all."""
    monkeypatch.setattr("aventus_creds.basics.waits.BACKOFF", 0.001)
    answers = iter([sent, sent, Sent(body={"access_token": "new", "token_type": "Bearer"})])
    web.answer = lambda _: next(answers)
    stale = make_token(**EXPIRED, refresh_token="r")
    assert RefreshingSource(profile._replace(retries=2), Counted()).token(stale).access_token == "new"
    assert len(web.seen) == 3


def test_a_refresh_ahead_of_time_is_tried_once(web: Web, profile: Profile) -> None:
    """While the old token serves, nobody waits for retries."""
    web.answer = lambda _: Sent(503)
    stale = make_token(**EARLY, refresh_token="r")
    with pytest.raises(TokenRefused):
        RefreshingSource(profile._replace(retries=3), Counted()).token(stale)
    assert len(web.seen) == 1


def test_a_refusal_is_not_retried(web: Web, profile: Profile) -> None:
    """A 400 will be a 400 again."""
    web.answer = lambda _: Sent(400, {"error": "invalid_client"})
    with pytest.raises(TokenRefused):
        RefreshingSource(profile._replace(retries=3), Counted()).token(
            make_token(**EXPIRED, refresh_token="r")
        )
    assert len(web.seen) == 1


# ClientCredentialsSource


def test_client_credentials(web: Web) -> None:
    """RFC 6749 section 4.4.2, on the wire, with audience and resource; the profile's default scope is for people."""
    web.answer = lambda _: Sent(body={"access_token": "own", "token_type": "Bearer", "expires_in": 60})
    profile = make_profile(
        token_url=f"{web.url}/token",
        client_secret="s3cret",
        grant="client_credentials",
        client_auth="post",
        audience="https://api.example.com/",
        token_params={"resource": "https://api.example.com/"},
    )
    assert ClientCredentialsSource(profile).token().access_token == "own"
    assert parse_qs(web.seen[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["the-client"],
        "client_secret": ["s3cret"],
        "audience": ["https://api.example.com/"],
        "resource": ["https://api.example.com/"],
    }


# InjectedSource


def test_an_injected_token_is_used_as_it_is() -> None:
    """Fresh or not; only an API's refusal ends it, and then the variable is named."""
    source = InjectedSource(token := make_token(**EXPIRED), "THE_VARIABLE")
    assert source.token() == token
    with pytest.raises(LoginRequired, match="THE_VARIABLE"):
        source.token(stale=token)
    with pytest.raises(LifetimeTooShort):
        source.token(at_least=60)
