"""Discovery for a provider of the table: its document goes before its row, which serves where there is none."""

from __future__ import annotations

import time
from typing import Any

import pytest
from discovery_documents import NOW, at, document, find
from sockets import RawServer, says, silent
from support import Sent, Web, free_port, make_profile

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.oauth.discovery import KEPT_FOR, MISSED_FOR
from aventus_creds.oauth.documents import announces_iss
from aventus_creds.oauth.endpoints import find_endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.sandbox import Sandbox, discovery
from aventus_creds.sandbox.dialects import DIALECTS

KEYS = ("authorize_url", "token_url", "revoke_url", "device_url")
PATHS = ("/authz-srv/authz", "/token-srv/token", "/token-srv/revoke", "/authz-srv/device/authz")


def cidaas(base_url: str, **keys: Any) -> Profile:
    keys.setdefault("timeout", 5)
    return make_profile(
        provider="cidaas", base_url=base_url, redirect_uri="http://127.0.0.1:1/callback", **keys
    )


def of_row(base_url: str) -> dict[str, str]:
    return {key: base_url + path for key, path in zip(KEYS, PATHS, strict=True)}


def shown(profile: Profile, cache: PrivateFolder, **more: Any) -> dict[str, str]:
    found = find(profile, cache, **more)
    return {key: getattr(found, key) for key in KEYS}


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_document_goes_before_the_row(web: Web, cache: PrivateFolder, slash: str) -> None:
    """What it names is used, and kept; what it leaves out is the row's; how the client says who it is, too."""
    web.answer = lambda _: Sent(
        body=document(
            web.url,
            token_endpoint_auth_methods_supported=["client_secret_basic"],
            authorization_response_iss_parameter_supported=True,
        )
    )
    profile = cidaas(web.url + slash)
    assert not announces_iss(profile, cache)
    for _ in range(2):
        found = find(profile, cache)
    assert (found.authorize_url, found.token_url) == (f"{web.url}/authorize", f"{web.url}/token")
    assert (found.revoke_url, found.device_url) == (f"{web.url}{PATHS[2]}", f"{web.url}{PATHS[3]}")
    assert (found.issuer, found.announces_iss, found.client_auth) == (web.url, True, "post")
    assert announces_iss(profile, cache)
    assert len(web.seen) == 1


def test_the_profile_goes_before_the_document(web: Web, cache: PrivateFolder) -> None:
    """Each endpoint for itself; with both that a login needs, nothing is fetched."""
    web.answer = lambda _: Sent(body=document(web.url, revocation_endpoint=f"{web.url}/r"))
    found = find(cidaas(web.url, revoke_url="https://as.example/r", token_url="https://as.example/t"), cache)
    assert (found.revoke_url, found.token_url) == ("https://as.example/r", "https://as.example/t")
    assert found.authorize_url == f"{web.url}/authorize"
    web.seen.clear()
    both = cidaas(web.url, authorize_url="https://as.example/a", token_url="https://as.example/t")
    assert find(both, cache).authorize_url == "https://as.example/a"
    assert find(both, cache).issuer == ""
    assert web.seen == []


@pytest.mark.parametrize(
    "sent",
    [
        Sent(404),
        Sent(503),
        Sent(429),
        Sent(drop=True),
        Sent(302, headers={"Location": "/x"}),
        Sent(body=b"<html>Welcome</html>"),
        Sent(body=b"[]"),
        Sent(body=document("https://evil.example")),
        Sent(body=b"x" * 1_100_000),
    ],
    ids=["none", "down", "busy", "dropped", "moved", "page", "list", "another's", "huge"],
)
def test_no_document_stops_no_login(web: Web, cache: PrivateFolder, sent: Sent) -> None:
    """The row's endpoints serve, and of the answer nothing is kept but when it came."""
    web.answer = lambda _: sent
    assert shown(cidaas(web.url), cache) == of_row(web.url)
    assert find(cidaas(web.url), cache).issuer == ""
    assert [path.suffix for path in cache.path.iterdir() if path.suffix != ".lock"] == [".missed"]


def test_a_missing_document_is_not_asked_for_by_each_process(web: Web, cache: PrivateFolder) -> None:
    """For ten minutes; then it is, and what is there counts. A clock that was set back keeps nobody away."""
    web.answer = lambda _: Sent(404)
    profile, now = cidaas(web.url), 1e9
    for later in (0, 1, MISSED_FOR - 1):
        assert find_endpoints(profile, Transport(profile), cache, now=now + later).issuer == ""
    assert len(web.seen) == 2  # both forms of the address, once
    web.answer = lambda _: Sent(body=document(web.url))
    for later in (-1, MISSED_FOR):
        assert find_endpoints(profile, Transport(profile), cache, now=now + later).issuer == web.url
        for kept in cache.path.glob("*.json"):
            kept.unlink()


def test_a_damaged_note_of_a_miss_is_none(web: Web, cache: PrivateFolder) -> None:
    """The document is asked for."""
    web.answer = lambda _: Sent(404)
    profile = cidaas(web.url)
    find(profile, cache)
    (note,) = cache.path.glob("*.missed")
    for content in (b"soon", b"nan", b"inf", b""):
        note.write_bytes(content)
        web.seen.clear()
        find(profile, cache)
        assert web.seen


@pytest.mark.parametrize("url", ["http://evil.example/t", "javascript:alert(1)", 7, ["https://as.example/t"]])
def test_no_unsafe_document_stops_a_login(web: Web, cache: PrivateFolder, url: Any) -> None:
    """Nor is a part of it used."""
    web.answer = lambda _: Sent(body=document(web.url, token_endpoint=url))
    assert shown(cidaas(web.url), cache) == of_row(web.url)


@pytest.mark.parametrize("fault", ["refused", "dropped", "silent"])
def test_no_server_stops_nothing_here(cache: PrivateFolder, fault: str) -> None:
    """The login itself tells that the server cannot be reached."""
    with RawServer(says() if fault == "dropped" else silent(2)) as server:
        url = f"http://127.0.0.1:{free_port()}" if fault == "refused" else server.url
        assert shown(cidaas(url, timeout=0.2), cache) == of_row(url)


def test_a_silent_server_is_not_waited_for_long(
    cache: PrivateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that can be done without takes no minute of anybody's."""
    monkeypatch.setattr("aventus_creds.oauth.discovery.PATIENCE", 0.2)
    with RawServer(silent(20)) as server:
        started = time.monotonic()
        assert shown(cidaas(server.url, timeout=60), cache) == of_row(server.url)
        assert time.monotonic() - started < 20


def test_an_old_document_serves_in_trouble(web: Web, cache: PrivateFolder) -> None:
    """As for any issuer, whose documents are shared: better an old one than the row."""
    web.answer = lambda _: Sent(body=document(web.url))
    find(at(web.url), cache)
    web.answer = lambda _: Sent(503)
    assert find(cidaas(web.url), cache, now=NOW + 2 * KEPT_FOR).token_url == f"{web.url}/token"


@pytest.mark.parametrize(
    "row", [row for row in PROVIDERS.values() if row.in_example and not row.generic], ids=lambda row: row.name
)
def test_each_row_is_right_without_a_document(row: Any) -> None:
    """The sandbox's dialects are written from the documentation: a row and its dialect name the same addresses."""
    dialect = next(each for each in DIALECTS if each.name == row.name)
    served = discovery.document(dialect, "https://as.example")
    with Sandbox() as sandbox:
        base_url = sandbox.profiles()[row.name]["base_url"].replace(sandbox.url, "https://as.example")
    names = ("authorization", "token", "revocation", "device_authorization")
    for key, name in zip(KEYS, names, strict=True):
        assert getattr(row, key).format(base_url=base_url) == served.get(f"{name}_endpoint", ""), key


def test_each_row_has_what_its_grants_need() -> None:
    """A grant that a row is known for has its endpoints there."""
    for row in PROVIDERS.values():
        if row.in_example and not row.generic:
            assert row.device_url or (row.grants and "device" not in row.grants), row.name
