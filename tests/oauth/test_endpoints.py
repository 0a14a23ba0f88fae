"""Discovery over real sockets: which document is taken, and which is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from discovery_documents import OIDC, at, document, find
from support import Seen, Sent, Web, free_port, make_profile

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import InvalidAnswer
from aventus_creds.oauth.request import Endpoints

RFC_8414 = "/.well-known/oauth-authorization-server"


def only_at(path: str, sent: Sent) -> Callable[[Seen], Sent]:
    """Answer ``sent`` at ``path``, and 404 elsewhere."""
    return lambda seen: sent if seen.path == path else Sent(404)


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
        assumes_auth=True,
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
        assumes_auth=True,
    )
    assert not cache.path.exists()


def test_providers_need_no_document(cache: PrivateFolder) -> None:
    """A provider of the table has its endpoints in the table."""
    base_url = f"http://127.0.0.1:{free_port()}"
    profile = make_profile(provider="aventus", base_url=base_url, redirect_uri="http://127.0.0.1:1/c")
    found = find(profile, cache)
    assert found.token_url == f"{base_url}/oauth/token"
    assert found.client_auth == "post"
    assert not cache.path.exists()


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


def test_a_foreign_issuer_is_shown_whole(web: Web, cache: PrivateFolder) -> None:
    """Also where it looks like a token: it is public, and its reader has to compare it."""
    named = "https://login.example.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"
    web.answer = lambda _: Sent(body=document(named))
    with pytest.raises(InvalidAnswer) as caught:
        find(at(web.url), cache)
    assert caught.value.message.endswith(f", but for {named}")


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
