"""Clients of other libraries: one auth for all of them, httpx's own clients, and functions that give a token."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import httpx2
import pytest
import requests
from clients import CLIENTS, auth_of_async_httpx, client_of_httpx
from proof_guard import ProofGuard
from session_source import FIRST, SECOND, Once, Source, bearers
from sockets import Authority, RawServer
from support import Sent, Web, make_profile, make_token

from aventus_creds import get_auth, get_client, get_session, token_provider
from aventus_creds.errors import ConfigError, LoginRequired, NetworkError
from aventus_creds.oauth.proofs import APIS, ProofKey
from aventus_creds.profiles.file import read_profiles
from aventus_creds.session.authorised import auth_for
from aventus_creds.session.httpx_client import async_client, client
from aventus_creds.session.providers import async_provider, provider
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no retry of httpx wait, and keep how long each would have waited."""
    waits: list[float] = []

    async def slept(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("aventus_creds.session.httpx_client.time.sleep", waits.append)
    monkeypatch.setattr("aventus_creds.session.httpx_client.anyio.sleep", slept)
    return waits


def with_token(web: Web, *, wanted: Token = FIRST) -> None:
    """Let ``web`` answer 401 to every other token."""
    header = f"Bearer {wanted.access_token}"
    web.answer = lambda seen: Sent(200 if seen.headers.get("Authorization") == header else 401)


@pytest.fixture(params=CLIENTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# What all of them do


def test_a_request_has_the_token(web: Web, name: str) -> None:
    """A relative address is joined to the API's; the token is in the header that the profile names."""
    with CLIENTS[name](make_profile(api_url=web.url), Source(FIRST)) as asked:
        assert asked.get("/v1/me").status_code == 200
    assert bearers(web) == ["Bearer token-1"]
    assert [seen.path for seen in web.seen] == ["/v1/me"]


def test_an_answer_is_streamed(web: Web, name: str) -> None:
    """The body is there to be read, also after a repeat."""
    web.answer = lambda seen: (
        Sent(401) if "token-1" in seen.headers["Authorization"] else Sent(body=b"x" * 300_000)
    )
    with CLIENTS[name](make_profile(api_url=web.url), Source(FIRST, SECOND)) as asked:
        assert len(asked.get("/").content) == 300_000


def test_a_header_of_its_own(web: Web, foreign: Web, name: str) -> None:
    """Our clients take it off where a redirect leads elsewhere; httpx alone would not, so our auth says no."""
    headers = {"X-Version": "7", "Accept": "text/x"}
    profile = make_profile(api_url=web.url, api_auth="X-Key: Token {token}", api_headers=headers)
    web.answer = lambda seen: Sent(302, headers={"Location": foreign.url if seen.path == "/away" else "/x"})
    with CLIENTS[name](profile, Source(FIRST)) as asked:
        if "httpx" in name:
            with pytest.raises(ConfigError, match="httpx would take along"):
                asked.get("/away")
            assert web.seen == []
            return
        asked.get("/away")
    assert [web.seen[0].headers.get(header) for header in ("X-Key", "X-Version", "Accept")] == [
        "Token token-1",
        "7",
        "text/x",
    ]
    assert [foreign.seen[0].headers.get(header) for header in ("X-Key", "X-Version", "Accept")] == [
        None,
        None,
        "*/*",
    ]


def test_many_threads_refresh_once(web: Web, name: str) -> None:
    """Sixteen threads, each with a client of its own: one new token."""
    with_token(web, wanted=SECOND)
    source, profile = Once(), make_profile(api_url=web.url)

    def ask(_: int) -> Any:
        with CLIENTS[name](profile, source) as asked:
            return asked.get("/").status_code

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [200] * 16
    assert source.renewed == 1


def test_a_login_that_is_over(web: Web, name: str) -> None:
    """The request raises what says what to do, and not the API's 401."""
    web.answer = lambda _: Sent(401)
    source = Source(FIRST, LoginRequired("log in", hint="aventus-creds login prod"))
    with CLIENTS[name](make_profile(api_url=web.url), source) as asked, pytest.raises(LoginRequired):
        asked.get("/")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_connection_is_left_open(web: Web, *, asynchronous: bool) -> None:
    """The answer is closed that a request had before no new token could be had, or its task was cancelled."""
    web.answer = lambda _: Sent(401, body=b"x" * 100_000)
    profile, over = make_profile(api_url=web.url), LoginRequired("log in")
    if not asynchronous:
        with client(profile, auth_for(profile, Source(FIRST, over))) as asked:
            with pytest.raises(LoginRequired):
                asked.get("/")
            assert in_use(asked._transport) == 0
        return
    refused, go_on = threading.Event(), threading.Event()

    class Slow(Source):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            if stale is not None:
                refused.set()
                assert go_on.wait(10)
            return FIRST

    async def main() -> None:
        async with async_client(profile, auth_for(profile, Slow())) as asked:
            task = asyncio.create_task(asked.get("/"))
            assert await asyncio.to_thread(refused.wait, 10)
            assert in_use(asked._transport) == 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert in_use(asked._transport) == 0
            go_on.set()

    asyncio.run(main())


def in_use(transport: Any) -> int:
    """Return how many connections have an answer that is not closed."""
    pools = [each._pool for each in transport._manners._transports().values()]
    return sum(not (one.is_idle() or one.is_closed()) for pool in pools for one in pool.connections)


# Bound tokens


@pytest.fixture
def guard(web: Web) -> Iterator[ProofGuard]:
    APIS._known.clear()
    web.answer = guard = ProofGuard(web.url, lambda _: KEY.thumbprint)
    yield guard
    APIS._known.clear()


KEY = ProofKey.new()


@pytest.mark.parametrize("name", ["client", "async client"])
def test_a_bound_token(web: Web, guard: ProofGuard, name: str) -> None:
    """Each request has a proof for its own address, also after a redirect; a nonce costs one repeat."""
    guard.nonce = "a-nonce"
    inner = web.answer
    web.answer = lambda seen: Sent(302, headers={"Location": "/x"}) if seen.path == "/start" else inner(seen)
    profile = make_profile(api_url=web.url, dpop=True, retries=0)
    source = Source(make_token("a-bound-token", token_type="DPoP", proof_key=KEY.text))
    with CLIENTS[name](profile, source) as asked:
        assert [asked.get(path).status_code for path in ("/x", "/x", "/start")] == [200] * 3
    assert guard.refusals == ["no nonce"] or len(guard.refusals) == 1


@pytest.mark.parametrize("opened", [auth_of_async_httpx])
def test_a_bound_token_needs_our_client(web: Web, opened: Any) -> None:
    """httpx would send the proof for one address to another."""
    profile = make_profile(api_url=web.url, dpop=True)
    source = Source(make_token("a-bound-token", token_type="DPoP", proof_key=KEY.text))
    with opened(profile, source) as asked, pytest.raises(ConfigError, match="get_client"):
        asked.get("/")


def test_a_bound_token_alone(web: Web) -> None:
    """It is of no use, so no function gives it."""
    profile = make_profile(api_url=web.url, dpop=True)
    for make in (provider, async_provider):
        with pytest.raises(ConfigError, match="bound to a key"):
            make(profile, Source(FIRST))


# Our clients of httpx


@pytest.mark.parametrize("name", ["client", "async client"])
def test_temporary_failures_are_retried(web: Web, name: str, waits: list[float]) -> None:
    """Idempotent requests, as often as the profile says; the API says how long to wait, up to a limit."""
    answers = [Sent(503), Sent(429, headers={"Retry-After": "7"}), Sent(drop=True), Sent(200)]
    web.answer = lambda _: answers.pop(0)
    with CLIENTS[name](make_profile(api_url=web.url, retries=3), Source(FIRST)) as asked:
        assert asked.get("/").status_code == 200
        assert waits[:2] == [0.0, 7.0]
        assert len(waits) == 3
        answers[:] = [Sent(503, headers={"Retry-After": "9999"})]
        assert asked.get("/").status_code == 503
        answers[:] = [Sent(503)]
        assert asked.post("/", data=b"x").status_code == 503
        answers[:] = [Sent(drop=True)]
        with pytest.raises(httpx.RemoteProtocolError):
            asked.post("/", data=b"x")
    assert len(waits) == 3


@pytest.mark.parametrize("name", ["client", "async client"])
def test_nobody_there(name: str, waits: list[float], web: Web) -> None:
    """A request that nobody got is sent again, whatever its method; in the end the error is httpx's own."""
    gone = make_profile(api_url="http://127.0.0.1:9/", retries=2)
    with CLIENTS[name](gone, Source(FIRST)) as asked, pytest.raises(httpx.ConnectError):
        asked.post("/", data=b"x")
    assert len(waits) == 2


def test_what_is_trusted(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory, waits: list[float]
) -> None:
    """The profile's authorities; whom they do not vouch for is not asked twice, and the error says what to do."""
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    with authority.web() as api:
        url = f"https://localhost:{api.port}/"
        for bundle, trusted in ((authority.bundle, True), (stranger.bundle, False)):
            profile = make_profile(api_url=url, ca_bundle=str(bundle), retries=3)
            with client(profile, auth_for(profile, Source(FIRST))) as asked:
                if trusted:
                    assert asked.get("/").status_code == 200
                    continue
                with pytest.raises(httpx.ConnectError) as caught:
                    asked.get("/")
        assert "ca_bundle" in "".join(caught.value.__notes__)
        assert waits == []


def test_no_frame_of_an_error_has_the_token(web: Web) -> None:
    """Neither the error's own request, nor the variables of the libraries that sent it."""
    web.answer = lambda _: Sent(drop=True)
    profile = make_profile(api_url=web.url, retries=0)
    with client_of_httpx(profile, Source(FIRST)) as asked, pytest.raises(httpx.TransportError) as caught:
        asked.get("/")
    fault: BaseException | None = caught.value
    assert "Authorization" not in caught.value.request.headers
    while fault is not None:
        trace = fault.__traceback__
        while trace is not None:
            assert trace.tb_frame.f_globals["__name__"].partition(".")[0] not in {"httpcore", "h11"}
            trace = trace.tb_next
        fault = fault.__cause__ or fault.__context__


def test_a_proxy_of_the_environment(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for the API elsewhere, without the token; what is on this machine is asked without it."""
    heard: list[bytes] = []
    with RawServer(lambda connection: heard.append(connection.recv(65536))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        here, there = (make_profile(api_url=url, retries=0) for url in (web.url, "https://api.example"))
        with client(here, auth_for(here, Source(FIRST))) as asked:
            assert asked.get("/x").status_code == 200
        with client(there, auth_for(there, Source(FIRST))) as asked, pytest.raises(httpx.TransportError):
            asked.get("/x")
    assert heard[0].startswith(b"CONNECT api.example:443 ")
    assert b"token-1" not in b"".join(heard)


# Functions that give a token


def test_a_provider(web: Web) -> None:
    """A function that gives the text, as the API takes it."""
    fresh = make_token("the-text", id_token="the-id-token")
    assert provider(make_profile(api_url=web.url), Source(fresh))() == "the-text"
    assert provider(make_profile(api_url=web.url, bearer="id_token"), Source(fresh))() == "the-id-token"
    give = async_provider(make_profile(api_url=web.url), Source(fresh, NetworkError("gone")))

    async def main() -> str:
        return await give()

    assert asyncio.run(main()) == "the-text"


# From the package


@pytest.fixture
def prod(write_profiles: Callable[..., Any], web: Web) -> Web:
    """A profile with a fresh login."""
    endpoints = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token"}
    write_profiles({"prod": {**endpoints, "client_id": "c", "api_url": web.url}})
    key, store = read_profiles().profile("prod").key, default_store()
    with store.lock(key):
        store.save(key, make_token("stored"))
    return web


def test_the_same_object_for_every_library(prod: Web) -> None:
    """Also what a session has in its auth."""
    for auth in (get_auth("prod"), get_session("prod").auth):
        assert requests.get(f"{prod.url}/x", auth=auth, timeout=5).status_code == 200
        assert isinstance(auth, httpx.Auth)
        assert httpx.get(f"{prod.url}/x", auth=auth).status_code == 200
        assert isinstance(auth, httpx2.Auth)
        assert httpx2.get(f"{prod.url}/x", auth=auth).status_code == 200
    with get_client("prod", interactive=False) as asked:
        assert asked.get("/x").status_code == 200
    assert bearers(prod) == ["Bearer stored"] * 7
    assert token_provider("prod")() == "stored"


@pytest.mark.parametrize("call", ["get_auth('prod')", "token_provider('prod')()"])
@pytest.mark.usefixtures("prod")
def test_it_loads_nothing_that_the_caller_has_not(call: str) -> None:
    """Neither requests for who uses httpx, nor httpx for who uses requests, nor asyncio for who needs no loop."""
    code = f"import sys, aventus_creds; aventus_creds.{call}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"requests", "httpx", "httpx2", "asyncio", "urllib3"} & set(done.stdout.split())


def test_no_api(write_profiles: Callable[..., Any], web: Web) -> None:
    """A profile without one has no auth for it, and a function for its token."""
    endpoints = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token"}
    write_profiles({"prod": {**endpoints, "client_id": "c"}})
    key, store = read_profiles().profile("prod").key, default_store()
    with store.lock(key):
        store.save(key, make_token("stored"))
    with pytest.raises(ConfigError, match="names no API"):
        get_auth("prod")
    assert token_provider("prod")() == "stored"
