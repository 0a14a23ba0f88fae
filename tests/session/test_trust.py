"""One TLS context for a process: what a connection trusts is what it would trust with a context of its own."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from sockets import Authority, RawServer, lead_here, tunnel
from support import PATH_WITH_HELPERS, Web, make_profile

from aventus_creds.basics import trust
from aventus_creds.oauth.transport import Transport
from aventus_creds.session.retries import RetryingAdapter
from aventus_creds.session.session import ApiSession

Make = Callable[..., ApiSession]


@pytest.fixture
def api(authority: Authority) -> Iterator[Web]:
    with authority.web() as web:
        yield web


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """Another authority, which the API's certificate is not of."""
    (tmp_path / "stranger").mkdir()
    return Authority(tmp_path / "stranger")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Begin without contexts, and return the files that are loaded from here on, by us or by urllib3."""
    taken: list[str] = []
    monkeypatch.setattr(trust, "_contexts", {})
    load = ssl.SSLContext.load_verify_locations

    def note(self: ssl.SSLContext, cafile: Any = None, *rest: Any, **more: Any) -> None:
        taken.append(Path(cafile or "folder").name)
        load(self, cafile, *rest, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", note)
    return taken


def refused(session: requests.Session, path: str = "/", **settings: Any) -> bool:
    """Whether the session does not trust the server."""
    try:
        session.get(path, **settings)
    except requests.exceptions.SSLError:
        return True
    return False


def test_one_context_for_sessions_and_the_transport(
    api: Web, authority: Authority, make_session: Make, loads: list[str]
) -> None:
    """However many sessions, connections and token requests there are, the bundle is loaded once."""
    bundle = str(authority.bundle)
    for _ in range(3):
        assert make_session(api, ca_bundle=bundle).get("/").status_code == 200
        assert Transport(make_profile(timeout=5, ca_bundle=bundle)).get(api.url).status == 200
    assert loads == [authority.bundle.name]


def test_an_untrusted_authority(api: Web, stranger: Authority, make_session: Make) -> None:
    """Neither certifi's authorities nor a stranger's vouch for this one, before and after somebody trusted it."""
    for bundle in (None, str(stranger.bundle)):
        keys = {"ca_bundle": bundle} if bundle else {}
        assert refused(make_session(api, **keys))


def test_another_profiles_bundle(
    api: Web, authority: Authority, stranger: Authority, make_session: Make
) -> None:
    """Trust stays with the profile that names it, whichever comes first, in one session or another."""
    good, bad = str(authority.bundle), str(stranger.bundle)
    for _ in range(2):
        assert not refused(make_session(api, ca_bundle=good))
        assert refused(make_session(api, ca_bundle=bad))
        assert refused(make_session(api))


def test_verify_by_the_call(api: Web, authority: Authority, make_session: Make) -> None:
    """``verify=PATH`` and ``verify=False`` hold for their own request, before and after, and leave nothing behind."""
    session = make_session(api)
    for _ in range(2):
        assert refused(session)
        assert not refused(session, verify=str(authority.bundle))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert not refused(session, verify=False)
    contexts = trust._contexts.values()
    assert {context.verify_mode for context in contexts} == {ssl.CERT_REQUIRED}
    assert {context.check_hostname for context in contexts} == {True}


def test_a_folder_of_authorities_is_requests_own(
    api: Web, authority: Authority, tmp_path: Path, make_session: Make, loads: list[str]
) -> None:
    """OpenSSL reads it as it needs it, and would go on trusting what it has read once."""
    (folder := tmp_path / "folder").mkdir()
    if not shutil.which("openssl"):
        pytest.skip("openssl names the files of such a folder")
    done = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", authority.bundle],
        capture_output=True,
        text=True,
        check=True,
    )
    (link := folder / f"{done.stdout.strip()}.0").write_bytes(authority.bundle.read_bytes())
    assert not refused(make_session(api), verify=str(folder))
    link.unlink()
    assert refused(make_session(api), verify=str(folder))
    assert loads == ["folder", "folder"]


@pytest.mark.parametrize("way", ["replaced", "rewritten"])
def test_a_changed_bundle(
    way: str, api: Web, authority: Authority, stranger: Authority, tmp_path: Path, make_session: Make
) -> None:
    """The next connection trusts what is in the file now, whatever was in it before."""
    bundle = tmp_path / "bundle.pem"

    def put(content: bytes) -> None:
        if way == "rewritten":
            time.sleep(0.02)  # the clock of some file systems ticks every 10 ms
            bundle.write_bytes(content)
            return
        (beside := tmp_path / "beside").write_bytes(content)
        beside.replace(bundle)

    good, bad = authority.bundle.read_bytes(), stranger.bundle.read_bytes()
    put(good)
    session = make_session(api, ca_bundle=str(bundle))
    for content, trusted in ((good, True), (bad, False), (good, True), (bad + good, True), (bad, False)):
        put(content)
        assert refused(session) is not trusted
    bundle.unlink()
    with pytest.raises(OSError, match="CA certificate bundle"):
        session.get("/")


def test_the_environment_changes_its_mind(
    api: Web, authority: Authority, stranger: Authority, make_session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trust that a variable gave ends with it, in the same session too."""
    session = make_session(api)
    for _ in range(2):
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        assert not refused(session)
        monkeypatch.setenv("SSL_CERT_FILE", str(stranger.bundle))
        assert refused(session)
        monkeypatch.delenv("SSL_CERT_FILE")
        assert refused(session)


def test_a_wrong_host_name(authority: Authority, make_session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is of another name, and the context has just served the right one."""
    lead_here(monkeypatch)
    bundle = str(authority.bundle)
    with authority.web() as api:
        for name, right in (("api.example", True), ("other.example", False)):
            session = make_session(f"https://{name}:{api.port}", ca_bundle=bundle)
            assert refused(session) is not right


def test_an_expired_certificate(tmp_path: Path, make_session: Make) -> None:
    """So it is with one that is not valid yet."""
    for number, days in enumerate([(-2.0, -1.0), (1.0, 2.0), (-1.0, 1.0)]):
        (folder := tmp_path / str(number)).mkdir()
        with (authority := Authority(folder, days=days)).web() as api:
            assert refused(make_session(api, ca_bundle=str(authority.bundle))) is (days != (-1.0, 1.0))


def test_a_client_certificate(tmp_path: Path, stranger: Authority, make_session: Make) -> None:
    """The server sees the certificate of the call, not that of another one, and none where none is given."""
    authority = Authority(tmp_path)
    authority.context.verify_mode = ssl.CERT_REQUIRED
    authority.context.load_verify_locations(authority.bundle)
    mine, theirs = str(tmp_path / "server.pem"), str(tmp_path / "stranger" / "server.pem")
    with authority.web() as api:
        session = make_session(api, ca_bundle=str(authority.bundle), retries=0)
        for _ in range(2):
            assert session.get("/", cert=mine).status_code == 200
            assert session.get("/", cert=(mine, mine)).status_code == 200
            for cert in (theirs, None):
                with pytest.raises(requests.ConnectionError):
                    make_session(api, ca_bundle=str(authority.bundle), retries=0).get("/", cert=cert)
        with pytest.raises(OSError, match="find the TLS certificate file"):
            session.get("/", cert=str(tmp_path / "missing.pem"))


def test_the_name_and_the_protocol(
    authority: Authority, make_session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is told its name (SNI), and agrees on HTTP/1.1 (ALPN), at each connection."""
    lead_here(monkeypatch)
    said: list[tuple[str | None, str | None]] = []

    def noted(_: object, name: str, __: object) -> None:
        said.append((name, None))

    with authority.web() as api:
        authority.context.set_alpn_protocols(["http/1.1"])
        authority.context.sni_callback = noted
        for name in ("api.example", "evil.example", "api.example"):
            session = make_session(f"https://{name}:{api.port}", ca_bundle=str(authority.bundle))
            response = session.get("/", stream=True)
            said[-1] = said[-1][0], response.raw.connection.sock.selected_alpn_protocol()
            assert response.content == b""
        authority.context.sni_callback = None
    assert said == [(name, "http/1.1") for name in ("api.example", "evil.example", "api.example")]


def test_many_threads_load_once(
    api: Web, authority: Authority, stranger: Authority, make_session: Make, loads: list[str]
) -> None:
    """Threads with either bundle at once: each gets what its own says."""
    begin = threading.Barrier(16, timeout=20)

    def one(number: int) -> bool:
        bundle = authority.bundle if number % 2 else stranger.bundle
        session = make_session(api, ca_bundle=str(bundle))
        begin.wait()
        return all(refused(session) is not bool(number % 2) for _ in range(3))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(16)))
    assert len(loads) == 2


FORKED = """
import os, sys, threading
from session_source import FIRST, Source
from support import make_profile
from aventus_creds.basics import trust
from aventus_creds.session.session import ApiSession
url, good, bad = sys.argv[1:]
def works(bundle):
    try:
        return ApiSession(make_profile(api_url=url, ca_bundle=bundle, timeout=5), Source(FIRST)).get("/").status_code
    except Exception as fault:
        return type(fault).__name__
assert works(good) == 200
trust._loading.acquire()  # as a thread that is loading at the moment of the fork
read, write = os.pipe()
if (child := os.fork()) == 0:
    os.write(write, repr([works(good), works(bad)]).encode())
    os._exit(0)
trust._loading.release()
os.waitpid(child, 0)
print(os.read(read, 1000).decode(), [works(good), works(bad)])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_child(api: Web, authority: Authority, stranger: Authority) -> None:
    """It connects with the context that it inherits, loads others, and the parent goes on."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED, api.url, authority.bundle, stranger.bundle],
        env={"PYTHONPATH": PATH_WITH_HELPERS},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == "[200, 'SSLError'] [200, 'SSLError']", done.stderr


class Theirs(RetryingAdapter):
    """An adapter of the caller's own, which asks for something else of TLS."""

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, assert_hostname="api.example", **settings)


@pytest.mark.parametrize("kind", [Theirs, HTTPAdapter])
def test_an_own_adapter_has_contexts_of_its_own(
    kind: type[HTTPAdapter], api: Web, authority: Authority, make_session: Make, loads: list[str]
) -> None:
    """Requests' own way, also for one that derives from ours: it loads the bundle for each connection."""
    for _ in range(2):
        session = make_session(api, ca_bundle=str(authority.bundle))
        session.mount("https://", kind(2))
        assert not refused(session)
    assert loads == [authority.bundle.name] * 2
    assert trust._contexts == {}


def test_a_context_for_all_pools_is_kept(
    api: Web, authority: Authority, stranger: Authority, make_session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages that bring a machine's own authorities put a context into each pool manager: it counts."""
    init = HTTPAdapter.init_poolmanager
    context = ssl.create_default_context(cafile=authority.bundle)

    def patched(self: HTTPAdapter, *args: Any, **settings: Any) -> None:
        init(self, *args, ssl_context=context, **settings)

    monkeypatch.setattr(HTTPAdapter, "init_poolmanager", patched)
    assert not refused(make_session(api))


def test_through_a_proxy_with_tls_of_its_own(
    authority: Authority, stranger: Authority, make_session: Make, loads: list[str]
) -> None:
    """The proxy is trusted as the API is, by the bundle: the shared context is loaded with nothing more."""
    bundle, seen = authority.bundle, list[bytes]()
    with authority.web() as api:

        def talk(connection: Any) -> None:
            with authority.context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

        with RawServer(talk) as proxy:
            proxies = {"https": f"https://127.0.0.1:{proxy.port}"}
            session = make_session(f"https://api.example:{api.port}", ca_bundle=str(bundle), retries=0)
            with pytest.raises(requests.exceptions.ProxyError, match="502"):
                session.get("/", proxies=proxies)
            other = make_session(f"https://api.example:{api.port}", ca_bundle=str(stranger.bundle), retries=0)
            with pytest.raises(requests.ConnectionError, match="certificate verify failed"):
                other.get("/", proxies=proxies)
        assert trust._contexts == {}
        with RawServer(tunnel(api.port, seen)) as proxy:  # a plain one leads through
            proxies = {"https": f"http://127.0.0.1:{proxy.port}"}
            assert make_session(api, ca_bundle=str(bundle)).get("/", proxies=proxies).status_code == 200
        assert seen[0].startswith(b"CONNECT ")
        assert len(trust._contexts) == 1


def test_contexts_do_not_pile_up(
    api: Web, authority: Authority, tmp_path: Path, make_session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool whose context is no longer kept goes on with it, and nothing is added to it."""
    monkeypatch.setattr(trust, "_contexts", {})
    session = make_session(api, ca_bundle=str(authority.bundle))
    assert not refused(session)
    for number in range(trust.MOST + 2):
        (copy := tmp_path / f"{number}.pem").write_bytes(authority.bundle.read_bytes())
        assert not refused(make_session(api), verify=str(copy))
    assert len(trust._contexts) == trust.MOST
    assert not refused(session)


def test_a_bundle_that_is_none(api: Web, tmp_path: Path, make_session: Make) -> None:
    """What cannot be loaded is told as requests tells it, and is not kept."""
    (empty := tmp_path / "empty.pem").write_text("no certificates")
    with pytest.raises(OSError, match=r"."):
        make_session(api, ca_bundle=str(empty)).get("/")
    assert all(str(empty) not in str(key) for key in trust._contexts)
