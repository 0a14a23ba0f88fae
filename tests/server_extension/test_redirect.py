"""A redirect that a real Jupyter server receives, and the login in another process that it belongs to."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest
import requests
from attempts import CODE, FakeAttempt, state_of
from extension_server import ExtensionServer
from server_extension.conftest import Waiting

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.callbacks.announcement import find_server
from aventus_creds.callbacks.jupyter import JupyterCallback
from aventus_creds.callbacks.page import HEADERS
from aventus_creds.callbacks.rendezvous import name_of

PATH = "/aventus-creds/callback"
NOBODY = "No login on this server is waiting for this"
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from attempts import FakeAttempt
from aventus_creds.callbacks import rendezvous
from aventus_creds.callbacks.announcement import find_server
from aventus_creds.callbacks.jupyter import JupyterCallback
rendezvous.UNIX = sys.argv[2] == "unix"
class Attempt(FakeAttempt):
    def deliver(self, query):
        os.kill(os.getpid(), signal.SIGKILL)
callback = JupyterCallback("", find_server()[0])
callback.start(Attempt())
if sys.argv[3:] and os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
print("waits", flush=True)
sys.stdin.read()
"""
HELPERS = str(Path(__file__).parents[1] / "helpers")


def test_a_redirect_ends_the_login(server: ExtensionServer, waiting: Waiting, transport: str) -> None:
    """The login gets the code, and the browser the same page as from a listener, with the same headers."""
    with waiting() as login:
        (door,) = server.doors()
        assert (server.file.parent / door).is_socket() == (transport == "unix")
        answer = server.redirect(login.query())
        assert login.attempt.result() == login.saved[0]
    assert answer.status_code == 200
    assert "Logged in to prod." in answer.text
    assert "You can close this tab." in answer.text
    for name, value in HEADERS.items():
        assert name == "Connection" or answer.headers[name] == value
    assert {"Etag", "Access-Control-Allow-Origin"}.isdisjoint(answer.headers)
    assert server.doors() == []


def test_only_this_user_can_reach_the_door(server: ExtensionServer, waiting: Waiting, transport: str) -> None:
    """The folder is closed to others, and so is what is in it; the name says nothing about the state."""
    with waiting() as login:
        folder = server.file.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        (door,) = server.doors()
        assert door == name_of(urlencode({"state": state_of(login.attempt.url)}))
        assert state_of(login.attempt.url) not in "".join(map(str, folder.iterdir()))


def test_a_browser_that_is_not_logged_in_reaches_no_login(server: ExtensionServer, waiting: Waiting) -> None:
    """It is told to log in first, at no address that holds the code; after that, the same address works."""
    with waiting() as login:
        for headers in ({}, {"Authorization": "token wrong"}, {"Cookie": "username-localhost=wrong"}):
            address = f"{server.callback}?{login.query()}"
            answer = requests.get(address, headers=headers, allow_redirects=False, timeout=10)
            assert answer.status_code == 403
            assert "Log in to this Jupyter server first" in answer.text
            assert "Location" not in answer.headers
        assert requests.get(f"{address}&token={server.token}", timeout=10).status_code == 403
        assert login.endpoint.requests == []
        assert server.redirect(login.query()).status_code == 200


def test_a_foreign_state_reaches_no_login(server: ExtensionServer, waiting: Waiting) -> None:
    """As when somebody was sent another user's link: the page says so, and what was waiting waits."""
    with waiting() as login:
        for query in (f"code={CODE}&state=of-somebody-else", f"error=access_denied&state=&code={CODE}"):
            answer = server.redirect(query)
            assert answer.status_code == 404
            assert NOBODY in answer.text
            assert CODE not in answer.text
        answer = server.redirect(f"code={CODE}")
        assert answer.status_code == 400
        assert "It has no state" in answer.text
        assert login.endpoint.requests == []
        assert not login.attempt.ended.is_set()
        assert server.redirect(login.query()).status_code == 200


def test_the_login_decides(server: ExtensionServer, waiting: Waiting) -> None:
    """What has the right state is the login's to judge: a second state is refused, an error ends it; all is escaped."""
    with waiting() as login:
        answer = server.redirect(f"{login.query()}&state=second")
        assert answer.status_code == 400
        assert "The login is still waiting." in answer.text
        refused = {
            "error": "access_denied",
            "error_description": "<script>",
            "state": state_of(login.attempt.url),
        }
        answer = server.redirect(urlencode(refused))
        assert answer.status_code == 200
        assert "The login failed" in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "<script" not in answer.text
    assert server.doors() == []


def test_the_same_redirect_again(server: ExtensionServer, waiting: Waiting) -> None:
    """While the login is open it gets the same page; afterwards nobody waits for it. The code is used once."""
    with waiting() as login:
        query = login.query()
        assert [server.redirect(query).status_code for _ in range(2)] == [200, 200]
        assert len(login.endpoint.requests) == 1
    answer = server.redirect(query)
    assert answer.status_code == 404
    assert NOBODY in answer.text


def test_two_logins_at_once(server: ExtensionServer, waiting: Waiting, transport: str) -> None:
    """Each gets its own redirect, in whichever order."""
    with waiting() as first, waiting() as second:
        assert len(server.doors()) == 2
        assert server.redirect(second.query("code-2")).status_code == 200
        assert server.redirect(first.query("code-1")).status_code == 200
        codes = [parse_qs(login.endpoint.requests[0].body.decode())["code"] for login in (first, second)]
    assert codes == [["code-1"], ["code-2"]]


def test_a_slow_login(server: ExtensionServer, waiting: Waiting) -> None:
    """The page waits for what really came of it, and the server answers others meanwhile."""
    with waiting() as login:
        login.endpoint.gate.clear()
        answers: list[requests.Response] = []
        browser = threading.Thread(target=lambda: answers.append(server.redirect(login.query())))
        browser.start()
        assert login.endpoint.reached.wait(10)
        assert server.api("/api/status").ok
        assert server.redirect(f"code={CODE}&state=of-somebody-else").status_code == 404
        login.endpoint.gate.set()
        browser.join()
    assert "Logged in to prod." in answers[0].text


@pytest.mark.parametrize("length", [60_000, 70_000, 1_000_000])
def test_a_long_redirect_is_refused(server: ExtensionServer, waiting: Waiting, length: int) -> None:
    """Of what is too long nothing arrives, and the login waits on; what is not, is the login's to judge."""
    with waiting() as login:
        query = f"{login.query()}&more={'x' * length}"
        try:
            answer = server.redirect(query)
        except requests.ConnectionError:
            status = 0  # Tornado hangs up while the browser still sends
        else:
            status = answer.status_code
        assert (status == 200) == (length < 65536)
        assert len(login.endpoint.requests) == (length < 65536)


def test_other_methods(server: ExtensionServer, waiting: Waiting) -> None:
    """A form from another site comes without cookies, so it is no redirect here."""
    with waiting() as login, server.browser() as browser:
        for method in ("POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = browser.request(
                method, f"{server.callback}?{login.query()}", data=login.query(), timeout=10
            )
            assert answer.status_code in {403, 405}
            assert CODE not in answer.text
        assert login.endpoint.requests == []


@pytest.mark.parametrize("transport", ["unix", "port"])
def test_a_killed_kernel(server: ExtensionServer, waiting: Waiting, transport: str) -> None:
    """The page says that the login did not; after that nobody waits, and the next login cleans up."""
    arguments = [sys.executable, "-c", KILLED, HELPERS, transport]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as kernel:
        assert kernel.stdout
        assert kernel.stdout.readline() == "waits\n"
        answer = server.redirect("right&state=the-state")
        assert answer.status_code == 502
        assert "The login did not say how it ended" in answer.text
        assert kernel.wait(10) == -signal.SIGKILL
    assert server.doors() == [name_of("state=the-state")]
    answer = server.redirect("right&state=the-state")
    assert answer.status_code == 404
    assert NOBODY in answer.text
    with waiting() as login:
        assert server.doors() == [name_of(f"state={state_of(login.attempt.url)}")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_outlives_its_login(server: ExtensionServer) -> None:
    """A worker that was forked from a kernel does not stand at its door: the page says at once that nobody waits."""
    arguments = [sys.executable, "-c", KILLED, HELPERS, "unix", "fork"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as kernel:
        assert kernel.wait(10) == -signal.SIGKILL
        assert kernel.stdout
        assert kernel.stdout.readline() == "waits\n"
        assert server.redirect("right&state=the-state").status_code == 404


def test_a_sweep_leaves_living_logins(server: ExtensionServer, waiting: Waiting, transport: str) -> None:
    """Each new login sweeps, also while another waits."""
    with waiting() as first, waiting():
        assert len(server.doors()) == 2
        assert server.redirect(first.query()).status_code == 200


def test_the_log_has_no_code(server: ExtensionServer, waiting: Waiting) -> None:
    """At DEBUG neither, whatever comes of the redirect, and whoever brings it."""
    secrets = [CODE, "a-foreign-state", "a-secret-refusal"]
    with waiting() as login:
        secrets.append(state_of(login.attempt.url))
        address = f"{server.callback}?{login.query()}"
        requests.get(address, headers={"Referer": address}, timeout=10)
        requests.get(address, headers={"Host": "evil.example.com"}, timeout=10)
        server.redirect(f"code={CODE}&state=a-foreign-state")
        server.redirect(f"error=a-secret-refusal&state={state_of(login.attempt.url)}&state=a-foreign-state")
        with server.browser() as browser:
            browser.put(address, timeout=10)
            browser.get(address, headers={"Referer": address}, timeout=10)
    log = server.log.read_text("utf-8")
    lines = [line for line in log.splitlines() if "aventus-creds/callback" in line and "GET" in line]
    assert len(lines) >= 5, "the requests are logged"
    assert [secret for secret in secrets if secret in log] == []
    assert "[D " in log


def test_a_fault_of_the_extension_shows_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tornado logs an unexpected error with the whole request: neither it nor the page has the query."""
    broken = "import aventus_creds.callbacks.rendezvous as r\ndef ask(folder, query): 1 / 0\nr.ask = ask\n"
    (tmp_path / "sitecustomize.py").write_text(broken, "utf-8")
    with ExtensionServer(tmp_path, "--debug", environment={"PYTHONPATH": str(tmp_path)}) as server:
        answer = server.redirect(f"code={CODE}&state=the-state")
    assert answer.status_code == 500
    log = server.log.read_text("utf-8")
    assert "ZeroDivisionError" in log
    for secret in (CODE, "the-state"):
        assert secret not in log + answer.text


def test_a_server_of_somebody_else(tmp_path: Path) -> None:
    """On a hub, administrators and guests have access to it, but it is not theirs: their logins are not for it."""
    hub = {"JUPYTERHUB_USER": "ada", "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/", "JUPYTERHUB_BASE_URL": "/"}
    with ExtensionServer(tmp_path, environment=hub, base_url="/user/ada/") as server:
        answer = server.redirect(f"code={CODE}&state=the-state")
        assert answer.status_code == 403
        assert "This is not your own Jupyter server" in answer.text
        assert server.said["paths"] == ["/user/ada" + PATH, f"/hub/user-redirect{PATH}"]
        assert server.said["redirect_uri"] == ""
        with server.browser() as browser:
            browser.post(f"{server.url}/api/none", headers={"Origin": server.origin}, timeout=10)
        deadline = time.monotonic() + 10
        while server.said["redirect_uri"] != f"{server.origin}/hub/user-redirect{PATH}":
            assert time.monotonic() < deadline


def test_a_server_that_is_started_from_a_hubs(tmp_path: Path) -> None:
    """In a terminal of JupyterLab: it inherits the hub's variables, and is a server of its own."""
    hub = {"JUPYTERHUB_USER": "ada", "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/", "JUPYTERHUB_BASE_URL": "/"}
    with ExtensionServer(tmp_path, environment=hub) as server:
        assert NOBODY in server.redirect(f"code={CODE}&state=the-state").text
        assert server.said["paths"] == [PATH]
        assert server.said["hub"] == ""


LIKE_A_HUB = """
from unittest import mock
from jupyter_server.auth import IdentityProvider
from tornado.web import HTTPError
class Provider(IdentityProvider):
    async def get_user(self, handler):
        original = handler.get_login_url
        def get_login_url():
            with mock.patch.dict(handler.settings, login_url="https://hub.example.com/authorize?client_id=c"):
                url = original()
            handler.set_cookie("next", handler.request.uri.replace("=", "~").replace("&", "~"))
            return url
        handler.get_login_url = get_login_url
        if "Refused" in handler.request.headers:
            def redirect(*_, **__): raise HTTPError(403, "user bob is not allowed")
            handler.redirect = redirect
        return await super().get_user(handler)
"""


def test_a_hub_logs_in_on_the_way(tmp_path: Path) -> None:
    """It keeps the address in a cookie, and so comes back with the code; its log gets none of it."""
    (tmp_path / "like_a_hub.py").write_text(LIKE_A_HUB, "utf-8")
    option, path = "--ServerApp.identity_provider_class=like_a_hub.Provider", {"PYTHONPATH": str(tmp_path)}
    query = "error=a-secret-refusal&state=the-state"
    with ExtensionServer(tmp_path, "--debug", option, environment=path) as server:
        answer = requests.get(f"{server.callback}?{query}", allow_redirects=False, timeout=10)
        assert answer.status_code == 302
        assert answer.headers["Location"] == "https://hub.example.com/authorize?client_id=c"
        assert (answer.cookies["next"] or "").strip(
            '"'
        ) == f"{PATH}?{query.replace('=', '~').replace('&', '~')}"
        answer = requests.get(f"{server.callback}?{query}", headers={"Refused": "1"}, timeout=10)
        assert answer.status_code == 403
        assert "a-secret-refusal" not in answer.text
    log = server.log.read_text("utf-8")
    assert "user bob is not allowed" in log
    for secret in ("a-secret-refusal", "the-state"):
        assert secret not in log


def test_a_guest_who_may_run_nothing(tmp_path: Path) -> None:
    """Whom the server's own rules let only read ends no login."""
    rules = "from jupyter_server.auth import Authorizer\nclass Readers(Authorizer):\n"
    rules += (
        "    def is_authorized(self, handler, user, action, resource):\n        return action == 'read'\n"
    )
    (tmp_path / "readers.py").write_text(rules, "utf-8")
    path, option = {"PYTHONPATH": str(tmp_path)}, "--ServerApp.authorizer_class=readers.Readers"
    with ExtensionServer(tmp_path, option, environment=path) as server:
        answer = server.redirect(f"code={CODE}&state=the-state")
        assert answer.status_code == 403
        assert CODE not in server.log.read_text("utf-8")


def test_a_folder_that_others_can_enter_is_closed(server: ExtensionServer, waiting: Waiting) -> None:
    """Before the query is handed over, and before a door is made."""
    folder = server.file.parent
    folder.chmod(0o755)
    with waiting() as login:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder.chmod(0o755)
        assert server.redirect(login.query()).status_code == 200
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_long_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's address has 108 bytes at most: a longer one is reached too."""
    folder = PrivateFolder(tmp_path / ("long" * 40))
    found, _ = find_server()
    assert found is None
    from aventus_creds.basics.hidden import Hidden
    from aventus_creds.callbacks.announcement import JupyterServer
    from aventus_creds.callbacks.rendezvous import ask

    callback, attempt = JupyterCallback("", JupyterServer(folder, "", ())), FakeAttempt()
    try:
        callback.start(attempt)
        (door,) = folder.path.iterdir()
        assert door.is_socket() == (sys.platform == "linux")
        reply = ask(folder, Hidden("right&state=the-state"))
        assert reply
        assert reply.success
    finally:
        callback.close()
    assert list(folder.path.iterdir()) == []
