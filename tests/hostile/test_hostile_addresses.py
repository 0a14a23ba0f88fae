"""A hostile authorization server: where its redirects and its documents would lead, and that nobody follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hostile_server import DOORS, NEW_TOKEN, Profiles, document, open_door, refresh, refused, token_answer
from sockets import Authority
from support import Seen, Sent, Web

from aventus_creds import logout
from aventus_creds.errors import InvalidAnswer, TokenRefused


@pytest.fixture
def elsewhere() -> Iterator[Web]:
    """Run a server that nobody has any business with."""
    with Web() as server:
        yield server


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


# Discovery


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
