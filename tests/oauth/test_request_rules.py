"""What servers want in requests beside the standard, and whose issuer a document or a redirect names."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import pytest
from discovery_documents import NOW, document
from oauth_values import CODE, SECRET, STATE, answer, attempt, endpoints, form, jwt, sent
from profile_texts import several
from support import Sent, Web, free_port, make_profile, make_token

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import InvalidAnswer, LoginRefused, NetworkError, TokenRefused
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.documents import announces_iss
from aventus_creds.oauth.endpoints import find_endpoints
from aventus_creds.oauth.issuers import is_template, of_tenant, speaks_for
from aventus_creds.oauth.request import (
    Endpoints,
    client_credentials_request,
    device_request,
    refresh_request,
    revocation_request,
)
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile

ENTRA = "https://login.microsoftonline.com/{tenantid}/v2.0"
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"


def _always(sent: Sent, _: object) -> Sent:
    return sent


def basic(userpass: str) -> str:
    return "Basic " + base64.b64encode(userpass.encode()).decode()


# Requests


def test_the_separator_of_scopes() -> None:
    """In each request that asks for a scope."""
    profile = make_profile(scope="read write", scope_separator=",", refresh_scope=True)
    where = endpoints(profile, device_url="https://as.example.com/d")
    assert sent(attempt(profile))["scope"] == "read,write"
    assert form(device_request(profile, where, None))["scope"] == "read,write"
    assert form(client_credentials_request(profile, where, "s"))["scope"] == "read,write"
    assert form(refresh_request(profile, where, "r", None))["scope"] == "read,write"


def test_a_refresh_sends_the_scope_where_it_is_wanted_alone() -> None:
    """RFC 6749 section 6: leaving it out asks for the same again."""
    for keys, scope in (
        ({"scope": "a b"}, None),
        ({"scope": "a b", "refresh_scope": True}, "a b"),
        ({"refresh_scope": True}, None),
    ):
        profile = make_profile(**keys)
        assert form(refresh_request(profile, endpoints(profile), "r", None)).get("scope") == scope


@pytest.mark.parametrize("secret", [None, SECRET])
@pytest.mark.parametrize("client_auth", ["basic", "post"])
def test_a_device_login_always_names_the_client(secret: str | None, client_auth: Any) -> None:
    """RFC 8628 section 3.1 asks for it where the client does not authenticate, and some servers always do."""
    profile = make_profile()
    where = endpoints(profile, device_url="https://as.example.com/d", client_auth=client_auth)
    assert form(device_request(profile, where, secret))["client_id"] == "the-client"


def test_an_empty_secret() -> None:
    """Reddit's installed apps: Basic with nothing behind the colon, and the client is not named again."""
    profile = make_profile(client_auth="basic", client_id="a:b")
    request = refresh_request(profile, endpoints(profile), "r", None)
    assert request.headers["Authorization"] == basic("a%3Ab:")
    assert "client_id" not in form(request)
    assert request.secrets == ("r",)
    assert "code_challenge" in sent(attempt(profile))  # it is a public client all the same


def test_without_saying_so_no_client_sends_an_empty_secret() -> None:
    """Nor one whose server takes Basic from the others."""
    for profile in (
        make_profile(),
        make_profile(client_auth="post"),
        make_profile(issuer="https://as.example.com"),
    ):
        request = refresh_request(profile, endpoints(profile, client_auth="basic"), "r", None)
        assert "Authorization" not in request.headers
        assert form(request)["client_id"] == "the-client"


def test_constant_headers_for_the_server() -> None:
    """In each request to it; none of them replaces what the request itself says."""
    profile = make_profile(token_headers={"User-Agent": "me/1", "accept": "x/y"}, client_secret=SECRET)
    where = endpoints(profile)
    for request in (
        refresh_request(profile, where, "r", SECRET),
        revocation_request(profile, where, make_token(), SECRET),
        attempt(profile).exchange(CODE, SECRET),
    ):
        assert request.headers["User-Agent"] == "me/1"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.headers["Authorization"].startswith("Basic ")


def test_constant_headers_arrive_and_do_not_go_to_the_api(web: Web) -> None:
    """Over the wire, with the User-Agent of the profile in place of the library's."""
    web.answer = lambda _: Sent(body={"access_token": "t"})
    profile = make_profile(
        token_url=f"{web.url}/t",
        authorize_url=f"{web.url}/a",
        token_headers={"User-Agent": "me/1"},
        client_secret="s",
    )
    OAuthClient(profile).client_credentials()
    assert web.seen[0].headers["User-Agent"] == "me/1"
    assert profile.api_headers == {}


def test_a_grant_of_the_servers_own(web: Web) -> None:
    """Zoom's: its name, its parameters and the client's authentication."""
    web.answer = lambda _: Sent(body={"access_token": "t"})
    profile = make_profile(
        token_url=f"{web.url}/t", grant="custom", grant_type="account_credentials", token_params={"account_id": "A1"},
        client_secret="s", client_auth="basic",
    )  # fmt: skip
    assert OAuthClient(profile).client_credentials().access_token == "t"
    assert web.seen[0].headers["Authorization"] == basic("the-client:s")
    assert sorted(web.seen[0].body.split(b"&")) == [b"account_id=A1", b"grant_type=account_credentials"]


# The words of refusals


def refused(profile: Profile, where: Endpoints, status: int, error: str) -> str:
    request = refresh_request(profile, where, "r", "s")
    from aventus_creds.oauth.refusal import refusal

    return refusal(profile, answer(status, error=error), request).hint


def test_a_way_that_nobody_named_is_named() -> None:
    """Where a secret is refused, it may be the place that it was sent in. Else the usual hint stands."""
    profile = make_profile(client_secret="s")
    where = endpoints(profile, assumes_auth=True)
    for status, error in (
        (401, "invalid_client"),
        (401, ""),
        (400, "invalid_client"),
        (400, "invalid_request"),
    ):
        hint = refused(profile, where, status, error)
        assert "in the Basic header" in hint
        assert 'client_auth = "post"' in hint
    assert 'client_auth = "basic"' in refused(profile, where._replace(client_auth="post"), 401, "")
    assert "client_auth" not in refused(profile, where, 400, "invalid_grant")
    assert "Basic header" not in refused(profile, endpoints(profile), 401, "invalid_client")


@pytest.mark.parametrize(
    ("keys", "listed", "assumed"),
    [
        ({}, None, True),
        ({}, ["client_secret_basic"], False),
        ({"client_auth": "basic"}, None, False),
        ({}, [], True),
    ],
)
def test_what_a_document_says_is_not_assumed(
    web: Web, tmp_path: Any, keys: Any, listed: Any, assumed: Any
) -> None:
    """Neither written nor discovered: only then."""
    more = {} if listed is None else {"token_endpoint_auth_methods_supported": listed}
    web.answer = lambda _: Sent(body=document(web.url, **more))
    profile = make_profile(issuer=web.url, **keys)
    assert find(profile, PrivateFolder(tmp_path / "d")).assumes_auth is assumed
    assert find(make_profile(**keys), None).assumes_auth is not bool(keys)


def test_a_plain_server_is_not_called_openid_connect() -> None:
    """It is called by its host; one with an issuer, or a provider, by its name."""
    profile = make_profile()
    with pytest.raises(LoginRefused, match=r"^as\.example\.com refused the login"):
        attempt(profile).accept(f"error=access_denied&state={STATE}")
    assert make_profile(issuer="https://as.example.com").system == "OpenID Connect"
    assert make_profile(discovery_url="https://as.example.com/d").system == "OpenID Connect"
    aventus = make_profile(provider="aventus", redirect_uri="http://127.0.0.1:1/c")
    assert aventus.system == "Aventus Platform"


# The document apart from the issuer


def find(profile: Profile, cache: PrivateFolder | None, now: float = NOW) -> Endpoints:
    return find_endpoints(profile, Transport(profile), cache, now=now)


def test_a_document_elsewhere(web: Web, tmp_path: Any) -> None:
    """Keycloak behind a front end: it speaks for the issuer that the profile names, and is kept as its own."""
    cache = PrivateFolder(tmp_path / "d")
    public = "https://login.example.com/realms/a"
    web.answer = lambda _: Sent(body=document(public, authorization_response_iss_parameter_supported=True))
    profile = make_profile(issuer=public, discovery_url=f"{web.url}/realms/a/doc?p=1")
    assert find(profile, cache).issuer == public
    assert find(profile, cache).token_url == f"{public}/token"
    assert [seen.path for seen in web.seen] == ["/realms/a/doc?p=1"]
    assert announces_iss(profile, cache)
    other = make_profile(issuer=public, discovery_url=f"{web.url}/other")
    assert not announces_iss(other, cache)
    find(other, cache)
    assert web.seen[-1].path == "/other"


def test_a_document_for_another_issuer(web: Web) -> None:
    """Is refused, wherever it is."""
    web.answer = lambda _: Sent(body=document("https://evil.example"))
    with pytest.raises(InvalidAnswer, match="does not speak for the issuer https://login"):
        find(make_profile(issuer="https://login.example.com", discovery_url=f"{web.url}/d"), None)


def test_a_document_alone_says_who_the_server_is(web: Web) -> None:
    """B2C: the issuer is not the place of the document, and redirects are held to it."""
    issuer = f"https://contoso.b2clogin.com/{TENANT}/v2.0/"
    web.answer = lambda _: Sent(body=document(issuer))
    profile = make_profile(discovery_url=f"{web.url}/policy/doc")
    found = find(profile, None)
    assert found.issuer == issuer
    login = attempt(profile, issuer=found.issuer)
    with pytest.raises(InvalidAnswer, match="another issuer"):
        login.accept(f"code={CODE}&state={STATE}&iss=https://evil.example")
    for odd in (None, 5, "", "not an address", "javascript:alert(1)", "http://evil.example", ["x"]):
        sent_now = Sent(body={**document(issuer), "issuer": odd})
        web.answer = partial(_always, sent_now)
        with pytest.raises(InvalidAnswer):
            find(profile, None)


def test_a_document_elsewhere_that_is_missing() -> None:
    """The message names its address."""
    with pytest.raises(NetworkError):
        find(make_profile(discovery_url=f"http://127.0.0.1:{free_port()}/d"), None)


# Issuers of many tenants


@pytest.mark.parametrize(
    ("template", "yes"),
    [
        (ENTRA, True),
        ("https://sts.windows.net/{tenantid}/", True),
        ("https://sts.windows.net/{tenantid}", True),
        ("https://{tenantid}/v2.0", False),
        ("https://{tenantid}.example.com/", False),
        ("https://a.example/x{tenantid}/", False),
        ("https://a.example/{tenantid}x", False),
        ("https://a.example/{other}/", False),
        ("https://a.example/{tenantid}/{tenantid}", False),
        ("https://a.example/?t={tenantid}", False),
        ("https://a.example/", False),
        ("{tenantid}", False),
    ],
)
def test_what_is_a_template(template: str, yes: bool) -> None:  # noqa: FBT001
    """The tenant is one whole part of the path, else it could name another server."""
    assert is_template(template) is yes


@pytest.mark.parametrize(
    ("found", "yes"),
    [
        (ENTRA.replace("{tenantid}", TENANT), True),
        (ENTRA.replace("{tenantid}", "common"), True),
        (ENTRA.replace("{tenantid}", "a/b"), False),
        (ENTRA.replace("{tenantid}", ""), False),
        (ENTRA.replace("{tenantid}", ".."), False),
        (ENTRA.replace("{tenantid}", "a?b"), False),
        (ENTRA.replace("{tenantid}", "a#b"), False),
        (ENTRA.replace("{tenantid}", TENANT) + "/", False),
        (ENTRA.replace("microsoft", "evil"), False),
        (ENTRA, False),
        (None, False),
        (5, False),
    ],
)
def test_who_is_a_tenant(found: object, yes: bool) -> None:  # noqa: FBT001
    """Exactly the template, with one part in the tenant's place."""
    assert speaks_for(ENTRA, found) is yes


def test_without_a_template_issuers_are_compared_to_the_letter() -> None:
    """RFC 9207 section 2.4."""
    assert speaks_for("https://a.example/x", "https://a.example/x")
    assert not speaks_for("https://a.example/x", "https://a.example/x/")
    assert not speaks_for("https://a.example/{other}", "https://a.example/x")


def test_a_template_document_below_an_issuer_that_fits(web: Web) -> None:
    """Entra's common: the document is below the issuer, and each tenant names itself."""
    web.answer = lambda _: Sent(body=document(f"{web.url}/{{tenantid}}/v2.0", token_endpoint=f"{web.url}/t"))
    assert find(make_profile(issuer=f"{web.url}/common/v2.0"), None).issuer == f"{web.url}/{{tenantid}}/v2.0"
    with pytest.raises(InvalidAnswer, match="does not speak for"):
        find(make_profile(issuer=f"{web.url}/common"), None)


def claims(**changes: Any) -> dict[str, Any]:
    return {"tid": TENANT, "iss": ENTRA.replace("{tenantid}", TENANT), "nonce": STATE, **changes}


def test_the_tenant_of_redirect_and_id_token() -> None:
    """Each fits the template, the ID token by its own tenant, and both are the same."""
    iss = ENTRA.replace("{tenantid}", TENANT)
    assert of_tenant(ENTRA, claims())
    login = attempt(issuer=ENTRA)
    request = login.exchange(CODE, None)
    login.accept(f"code={CODE}&state={STATE}&iss={iss}")
    login.read_token(answer(access_token="t", id_token=jwt(**claims())), request, now=NOW)
    for odd in (
        *(
            {"tid": "other"},
            {"tid": None},
            {"tid": 5},
            {"iss": "https://evil.example"},
            {"iss": None},
            {"iss": ENTRA},
        ),
        {"tid": "other", "iss": ENTRA.replace("{tenantid}", "other")},
    ):
        with pytest.raises(InvalidAnswer, match="has an ID token of another"):
            login.read_token(answer(access_token="t", id_token=jwt(**claims(**odd))), request, now=NOW)
    with pytest.raises(InvalidAnswer, match="another issuer"):
        attempt(issuer=ENTRA).accept(f"code={CODE}&state={STATE}&iss={ENTRA}")
    silent = attempt(issuer=ENTRA)
    silent.accept(f"code={CODE}&state={STATE}")
    other = claims(tid="other", iss=ENTRA.replace("{tenantid}", "other"))
    assert silent.read_token(answer(access_token="t", id_token=jwt(**other)), request, now=NOW).id_token


# The nonce


def test_a_nonce_that_is_missing_or_differs() -> None:
    """LinkedIn's and Doorkeeper's ID token has none: with PKCE that passes. Another one never does."""
    for id_token in (jwt(sub="ada"), jwt(sub="ada", nonce="another")):
        for keys in several({}, {"pkce": False, "client_secret": "s"}):
            login = attempt(make_profile(scope="openid", **keys))
            given, request = answer(access_token="t", id_token=id_token), login.exchange(CODE, None)
            if id_token == jwt(sub="ada") and not keys:
                assert login.read_token(given, request, now=NOW).id_token == id_token
            else:
                with pytest.raises(InvalidAnswer, match="nonce"):
                    login.read_token(given, request, now=NOW)


def test_a_refused_client_says_where_its_secret_was(web: Web) -> None:
    """Over the wire, for a server of which only the endpoints are known."""
    web.answer = lambda _: Sent(401, {"error": "invalid_client"})
    profile = make_profile(
        token_url=f"{web.url}/t", authorize_url=f"{web.url}/a", client_secret="s", grant="client_credentials"
    )
    with pytest.raises(TokenRefused, match='perhaps it takes client_auth = "post"'):
        OAuthClient(profile).client_credentials()
