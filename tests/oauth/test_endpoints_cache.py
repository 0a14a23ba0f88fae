"""Discovery over real sockets: how long a document is kept, and what serves while the server is in trouble."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from discovery_documents import NOW, OIDC, at, document, find
from sockets import RawServer, says, silent
from support import Sent, Web, free_port, make_profile, make_token

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import InvalidAnswer, NetworkError
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.discovery import KEPT_FOR
from aventus_creds.profiles.profile import Profile

# Faults that pass


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_faults_of_the_server(web: Web, cache: PrivateFolder, status: int) -> None:
    """A server in trouble is a NetworkError: the same may work later."""
    web.answer = lambda _: Sent(status)
    with pytest.raises(NetworkError, match=f"HTTP {status}"):
        find(at(web.url), cache)


@pytest.mark.parametrize("fault", ["refused", "dropped", "silent"])
def test_old_document_in_trouble(web: Web, cache: PrivateFolder, fault: str) -> None:
    """Without a network, an old document serves; without one, the fault is raised as what it is."""
    with RawServer(says() if fault == "dropped" else silent(2)) as server:
        issuer = f"http://127.0.0.1:{free_port()}" if fault == "refused" else server.url
        profile = at(issuer, timeout=0.2)
        with pytest.raises(NetworkError):
            find(profile, cache)
        keep(cache, profile, {"fetched_at": NOW, "document": document(issuer)})
        assert find(profile, cache, now=NOW + 30 * KEPT_FOR).token_url == f"{issuer}/token"


@pytest.mark.parametrize("status", [429, 503])
def test_old_document_while_the_server_fails(web: Web, cache: PrivateFolder, status: int) -> None:
    """A server in trouble does not take away the old document either, which stays old: it is asked each time."""
    web.answer = lambda _: Sent(body=document(web.url))
    find(at(web.url), cache)
    web.answer = lambda _: Sent(status)
    for _ in range(2):
        assert find(at(web.url), cache, now=NOW + 2 * KEPT_FOR).token_url == f"{web.url}/token"
    assert len(web.seen) == 3


# The cache


def keep(cache: PrivateFolder, profile: Profile, content: Any) -> None:
    """Put ``content`` (bytes, or what becomes JSON) where the document of the profile's issuer is kept."""
    name = f"{hashlib.sha256(profile.issuer.encode()).hexdigest()[:32]}.json"
    cache.make()
    cache.write(name, content if isinstance(content, bytes) else json.dumps(content).encode())


def test_kept_for_a_day(web: Web, cache: PrivateFolder) -> None:
    """Within a day nothing is fetched; after it, once; a clock that was set back trusts no document."""
    web.answer = lambda _: Sent(body=document(web.url, token_endpoint=f"{web.url}/{len(web.seen)}"))
    for now, number in (
        (NOW, 1),
        (NOW + 1, 1),
        (NOW + KEPT_FOR - 1, 1),
        (NOW + KEPT_FOR, 2),
        (NOW + KEPT_FOR + 1, 2),
        (NOW, 3),
    ):
        assert find(at(web.url), cache, now=now).token_url == f"{web.url}/{number}"


def test_each_issuer_has_its_own(web: Web, cache: PrivateFolder) -> None:
    """Two issuers of one server do not answer for each other."""
    web.answer = lambda seen: Sent(body=document(web.url + seen.path.removesuffix(OIDC)))
    for path in ("/one", "/two", "/one", "/two"):
        assert find(at(web.url + path), cache).token_url == f"{web.url}{path}/token"
    assert len(web.seen) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        [],
        7,
        "text",
        {},
        {"fetched_at": NOW},
        {"document": {}},
        {"fetched_at": NOW, "document": None},
        {"fetched_at": NOW, "document": ["x"]},
        {
            "fetched_at": NOW,
            "document": {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/t"},
        },
        {"fetched_at": None, "document": "{good}"},
        {"fetched_at": "soon", "document": "{good}"},
        {"fetched_at": [NOW], "document": "{good}"},
        {"fetched_at": float("nan"), "document": "{good}"},
        {"fetched_at": float("inf"), "document": "{good}"},
        {"fetched_at": 10**400, "document": "{good}"},
        {"fetched_at": NOW, "document": "{bad}"},
        {"fetched_at": NOW, "document": "{half}"},
    ],
)
def test_corrupt_cache(web: Web, cache: PrivateFolder, content: Any) -> None:
    """A damaged or forged cache file is as if it were not there, and is replaced."""
    good = document(web.url, token_endpoint=f"{web.url}/kept")
    documents = {
        "{good}": good,
        "{bad}": good | {"token_endpoint": "http://evil.example/token"},
        "{half}": {"issuer": web.url},
    }
    if isinstance(content, dict) and isinstance(content.get("document"), str):
        content = content | {"document": documents[content["document"]]}
    profile = at(web.url)
    keep(cache, profile, content)
    web.answer = lambda _: Sent(body=document(web.url))
    assert find(profile, cache).token_url == f"{web.url}/token"
    assert find(profile, cache).token_url == f"{web.url}/token"
    assert len(web.seen) == 1


def test_time_as_text_in_the_cache(web: Web, cache: PrivateFolder) -> None:
    """A time that was written as text is a time."""
    profile = at(web.url)
    keep(cache, profile, {"fetched_at": str(NOW), "document": document(web.url)})
    assert find(profile, cache).token_url == f"{web.url}/token"
    assert web.seen == []


def test_corrupt_cache_without_network(cache: PrivateFolder) -> None:
    """A forged endpoint in the cache is refused even when nothing better can be had."""
    profile = at(f"http://127.0.0.1:{free_port()}")
    forged = document(profile.issuer, token_endpoint="http://evil.example/token")
    keep(cache, profile, {"fetched_at": NOW, "document": forged})
    with pytest.raises(InvalidAnswer, match="token_endpoint must begin with https"):
        find(profile, cache)


@pytest.mark.parametrize("where", ["folder", "parent"])
def test_unwritable_cache(web: Web, tmp_path: Path, where: str) -> None:
    """A cache that cannot be written costs a fetch each time, and nothing else."""
    (tmp_path / "file").write_text("in the way")
    cache = PrivateFolder(tmp_path / "file" if where == "folder" else tmp_path / "file" / "discovery")
    web.answer = lambda _: Sent(body=document(web.url))
    for _ in range(2):
        assert find(at(web.url), cache).token_url == f"{web.url}/token"
    assert len(web.seen) == 2


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
def test_private_files(web: Web, cache: PrivateFolder) -> None:
    """The document lies in a private folder, in a file that only its owner can change."""
    web.answer = lambda _: Sent(body=document(web.url))
    find(at(web.url), cache)
    (file,) = cache.path.glob("*.json")
    assert cache.path.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


# The server that uses it


def test_server_keeps_them_beside_the_tokens(web: Web, tmp_path: Path) -> None:
    """OAuthClient finds its endpoints once, and keeps the document in the state folder."""
    web.answer = lambda _: Sent(body=document(web.url))
    server = OAuthClient(at(web.url))
    assert server.endpoints is server.endpoints
    assert len(list((tmp_path / "state" / "discovery").glob("*.json"))) == 1
    assert OAuthClient(at(web.url)).endpoints == server.endpoints
    assert len(web.seen) == 1


def test_fresh_process_does_not_fetch(web: Web, write_profiles: Callable[..., Path]) -> None:
    """Another process reads the document that this one has kept."""
    web.answer = lambda _: Sent(body=document(web.url))
    write_profiles({"prod": {"issuer": web.url, "client_id": "the-client"}})
    code = (
        "from aventus_creds.profiles.file import read_profiles; from aventus_creds.oauth.client import OAuthClient;"
        "print(OAuthClient(read_profiles().profile('prod')).endpoints.token_url)"
    )
    OAuthClient(at(web.url)).endpoints  # noqa: B018 - finds them
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == f"{web.url}/token"
    assert len(web.seen) == 1


def test_revocation_finds_its_endpoint(web: Web) -> None:
    """Revocation goes to the document's endpoint; without one, nothing is revoked."""
    found = document(web.url, revocation_endpoint=f"{web.url}/revoke")
    web.answer = lambda seen: Sent(body=found) if seen.path == OIDC else Sent()
    assert OAuthClient(at(web.url)).revoke(make_token()) is True
    assert [seen.path for seen in web.seen] == [OIDC, "/revoke"]
    outright = make_profile(authorize_url=f"{web.url}/a", token_url=f"{web.url}/t", provider="oidc")
    assert OAuthClient(outright).revoke(make_token()) is False
