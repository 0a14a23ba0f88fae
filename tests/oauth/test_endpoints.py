"""Discovery over real sockets: which document is taken, which is refused, and how long one is kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sockets import RawServer, says
from support import Seen, Sent, Web, free_port, make_profile, make_token

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import InvalidAnswer, NetworkError
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.endpoints import KEPT_FOR, find_endpoints
from aventus_creds.oauth.request import Endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile

OIDC = "/.well-known/openid-configuration"
RFC_8414 = "/.well-known/oauth-authorization-server"
NOW = 1_800_000_000.0


@pytest.fixture
def cache(tmp_path: Path) -> PrivateFolder:
    return PrivateFolder(tmp_path / "state" / "discovery")


def document(issuer: str, **fields: Any) -> dict[str, Any]:
    """Return a discovery document with the endpoints that a login needs."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        **fields,
    }


def only_at(path: str, sent: Sent) -> Callable[[Seen], Sent]:
    """Answer ``sent`` at ``path``, and 404 elsewhere."""
    return lambda seen: sent if seen.path == path else Sent(404)


def find(profile: Profile, cache: PrivateFolder, *, now: float = NOW) -> Endpoints:
    return find_endpoints(profile, Transport(profile), cache, now=now)


def at(issuer: str, **keys: Any) -> Profile:
    """Return a profile of that issuer."""
    keys.setdefault("timeout", 5)
    return make_profile(issuer=issuer, **keys)


# Which document


@pytest.mark.parametrize("path", [OIDC, RFC_8414])
def test_both_forms(web: Web, cache: PrivateFolder, path: str) -> None:
    """The document is found by OpenID Connect Discovery and by RFC 8414."""
    found = document(
        web.url,
        revocation_endpoint=f"{web.url}/revoke",
        device_authorization_endpoint=f"{web.url}/device",
        authorization_response_iss_parameter_supported=True,
    )
    web.answer = only_at(path, Sent(body=found))
    assert find(at(web.url), cache) == Endpoints(
        authorize_url=f"{web.url}/authorize",
        token_url=f"{web.url}/token",
        revoke_url=f"{web.url}/revoke",
        device_url=f"{web.url}/device",
        issuer=web.url,
        announces_iss=True,
        client_auth="basic",
    )
    assert [seen.path for seen in web.seen] == [OIDC, RFC_8414][: 1 + (path == RFC_8414)]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", [f"/realms/one{OIDC}", f"{RFC_8414}/realms/one"])
def test_issuers_with_a_path(web: Web, cache: PrivateFolder, path: str, slash: str) -> None:
    """OpenID Connect puts its name behind the issuer's path, RFC 8414 before it."""
    issuer = f"{web.url}/realms/one"
    web.answer = only_at(path, Sent(body=document(issuer)))
    assert find(at(issuer + slash), cache).token_url == f"{issuer}/token"


@pytest.mark.parametrize(("mine", "theirs"), [("", "/"), ("/", ""), ("/", "/")])
def test_slash_at_the_end(web: Web, cache: PrivateFolder, mine: str, theirs: str) -> None:
    """A slash at the end is forgiven; what redirects must name (RFC 9207) is the server's own spelling."""
    web.answer = lambda _: Sent(body=document(web.url + theirs))
    profile = at(web.url + mine)
    assert find(profile, cache).issuer == web.url + theirs
    assert find(profile, cache).issuer == web.url + theirs
    assert len(web.seen) == 1


def test_little_is_required(web: Web, cache: PrivateFolder) -> None:
    """What a document leaves out is not refused: absent endpoints are none."""
    web.answer = lambda _: Sent(
        body={"issuer": web.url, "token_endpoint": f"{web.url}/t", "revocation_endpoint": None}
    )
    found = find(at(web.url), cache)
    assert (found.authorize_url, found.revoke_url, found.device_url) == ("", "", "")
    assert found.announces_iss is False


def test_no_token_endpoint(web: Web, cache: PrivateFolder) -> None:
    """Without a token endpoint nothing works; the profile may give one."""
    web.answer = lambda _: Sent(body={"issuer": web.url, "authorization_endpoint": f"{web.url}/a"})
    with pytest.raises(InvalidAnswer, match="names no token_endpoint") as caught:
        find(at(web.url), cache)
    assert "token_url" in caught.value.hint
    assert find(at(web.url, token_url="https://as.example/t"), cache).token_url == "https://as.example/t"


@pytest.mark.parametrize(
    ("methods", "client_auth"),
    [
        (None, "basic"),
        ([], "basic"),
        (["client_secret_basic"], "basic"),
        (["client_secret_post"], "post"),
        (["client_secret_post", "client_secret_basic"], "basic"),
        (["private_key_jwt", "client_secret_post"], "post"),
        (["private_key_jwt"], "basic"),
        ("client_secret_post", "basic"),
        ({"client_secret_post": 1}, "basic"),
        ([["client_secret_post"], 1, None], "basic"),
    ],
)
def test_client_auth(web: Web, cache: PrivateFolder, methods: Any, client_auth: str) -> None:
    """The secret goes where the document says, in the Basic header where it does not; the profile decides first."""
    web.answer = lambda _: Sent(body=document(web.url, token_endpoint_auth_methods_supported=methods))
    assert find(at(web.url), cache).client_auth == client_auth
    for given in ("post", "basic"):
        assert find(at(web.url, client_auth=given), cache).client_auth == given


@pytest.mark.parametrize("announced", [False, "true", 1, None, []])
def test_announcing_iss(web: Web, cache: PrivateFolder, announced: Any) -> None:
    """Only the JSON value true announces iss."""
    web.answer = lambda _: Sent(
        body=document(web.url, authorization_response_iss_parameter_supported=announced)
    )
    assert find(at(web.url), cache).announces_iss is False


# What the profile gives outright


def test_outright_needs_no_document(cache: PrivateFolder) -> None:
    """With both endpoints given nothing is fetched, and the issuer still serves RFC 9207."""
    profile = at(
        f"http://127.0.0.1:{free_port()}",
        authorize_url="https://as.example/a",
        token_url="https://as.example/t",
        revoke_url="https://as.example/r",
    )
    assert find(profile, cache) == Endpoints(
        "https://as.example/a",
        "https://as.example/t",
        "https://as.example/r",
        "",
        profile.issuer,
        False,
        "basic",
    )
    assert not cache.path.exists()


def test_providers_need_no_document(cache: PrivateFolder) -> None:
    """A provider of the table has its endpoints in the table."""
    profile = make_profile(
        provider="cidaas", base_url="https://c.example", redirect_uri="http://127.0.0.1:1/c"
    )
    found = find(profile, cache)
    assert found.token_url == "https://c.example/token-srv/token"
    assert found.client_auth == "post"


def test_outright_comes_first(web: Web, cache: PrivateFolder) -> None:
    """An endpoint of the profile stands in for the document's, even for one that would be refused."""
    web.answer = lambda _: Sent(body=document(web.url, revocation_endpoint="http://evil.example/r"))
    found = find(at(web.url, token_url="https://as.example/t", revoke_url="https://as.example/r"), cache)
    assert found.token_url == "https://as.example/t"
    assert found.revoke_url == "https://as.example/r"
    assert found.authorize_url == f"{web.url}/authorize"


# Documents that are refused


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example",
        "{url}/other",
        "{url}.evil.example",
        "{url}?",
        "HTTP{rest}",
        "",
        None,
        7,
        ["{url}"],
        {"a": "{url}"},
    ],
)
def test_wrong_issuer(web: Web, cache: PrivateFolder, issuer: Any) -> None:
    """The document must name the very issuer that was asked (RFC 8414 section 3.3), and is not kept otherwise."""
    named = issuer.format(url=web.url, rest=web.url[4:]) if isinstance(issuer, str) else issuer
    web.answer = lambda _: Sent(body=document(web.url) | {"issuer": named})
    with pytest.raises(InvalidAnswer, match="does not speak for the issuer") as caught:
        find(at(web.url), cache)
    assert "exactly" in caught.value.hint
    if named and isinstance(named, str):
        assert f", but for {named}" in caught.value.message
    assert not cache.path.exists()


def test_the_issuer_of_many_tenants(web: Web, cache: PrivateFolder) -> None:
    """Entra ID's common document speaks for a template: the way out is said."""
    web.answer = lambda _: Sent(body=document(web.url) | {"issuer": "https://login.example/{tenantid}/v2.0"})
    with pytest.raises(InvalidAnswer, match=r"\{tenantid\}/v2\.0") as caught:
        find(at(web.url), cache)
    assert "authorize_url and token_url" in caught.value.hint


@pytest.mark.parametrize(
    "name",
    ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "device_authorization_endpoint"],
)
@pytest.mark.parametrize(
    "url",
    [
        "http://as.example/x",
        "ftp://as.example/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "/relative",
        "https://",
        "https://me:pw@as.example/x",
        "https://as.example:99999/x",
        "https://as.example/x\r\nX: y",
        "https://as.example\\@evil.example/x",
        "https://bücher.example/x",
        7,
        True,
        ["https://as.example/x"],
        {"a": "https://as.example/x"},
    ],
)
def test_hostile_endpoints(web: Web, cache: PrivateFolder, name: str, url: Any) -> None:
    """An endpoint that no secret may be sent to is refused by name, and the document is not kept."""
    web.answer = lambda _: Sent(body=document(web.url, **{name: url}))
    with pytest.raises(InvalidAnswer, match=f"discovery document of {web.url}, {name} "):
        find(at(web.url), cache)
    web.answer = lambda _: Sent(body=document(web.url))
    assert find(at(web.url), cache).token_url == f"{web.url}/token"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b"\xff\xfe\x00",
        b'{"issuer": ',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"issuer": ' + b"9" * 5000 + b"}",
    ],
    ids=["nothing", "page", "binary", "half", "nested lists", "nested objects", "long number"],
)
def test_no_documents(web: Web, cache: PrivateFolder, body: bytes) -> None:
    """What is no JSON is no document: the other form is tried, then the hint says what to do."""
    web.answer = lambda _: Sent(body=body)
    with pytest.raises(InvalidAnswer, match="has no discovery document") as caught:
        find(at(web.url), cache)
    assert [seen.path for seen in web.seen] == [OIDC, RFC_8414]
    assert "authorize_url and token_url" in caught.value.hint


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"7", b"{}", b'[{"issuer": "x"}]'])
def test_json_that_is_no_document(web: Web, cache: PrivateFolder, body: bytes) -> None:
    """JSON of another shape speaks for no issuer."""
    web.answer = lambda _: Sent(body=body)
    with pytest.raises(InvalidAnswer):
        find(at(web.url), cache)


def test_huge_document(web: Web, cache: PrivateFolder) -> None:
    """A document of more than a megabyte is not read."""
    web.answer = lambda _: Sent(body=document(web.url, padding="x" * 1_100_000))
    with pytest.raises(InvalidAnswer, match="more than"):
        find(at(web.url), cache)


def test_redirected_document(web: Web, cache: PrivateFolder) -> None:
    """A document elsewhere is not the issuer's."""
    web.answer = lambda _: Sent(302, document(web.url), {"Location": "/x"})
    with pytest.raises(InvalidAnswer, match="redirects"):
        find(at(web.url), cache)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410])
def test_no_such_page(web: Web, cache: PrivateFolder, status: int) -> None:
    """A server that has neither form has no document, which is not a matter of trying again."""
    web.answer = lambda _: Sent(status, body=document(web.url))
    with pytest.raises(InvalidAnswer, match="has no discovery document"):
        find(at(web.url), cache)


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
    with RawServer(says() if fault == "dropped" else lambda _: time.sleep(2)) as server:
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
