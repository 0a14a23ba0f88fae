"""Logins in real kernels of a real server, to their end: the sandbox is the authorization server."""

from __future__ import annotations

import os
import platform
import queue
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from extension_server import ExtensionServer
from jupyter_apps import isolated_environment
from jupyter_client.blocking.client import BlockingKernelClient

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.callbacks import rendezvous
from aventus_creds.callbacks.announcement import find_server
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

pytestmark = pytest.mark.heavy

WriteProfiles = Callable[..., Path]
LIMIT = 60

SETUP = """
import os
os.environ["AVENTUS_CREDS_PROFILES"] = {profiles!r}
os.environ["AVENTUS_CREDS_STATE_DIR"] = {state!r}
from aventus_creds import LoginButton, get_session, login
"""
DOCTOR = f"!{sys.executable} -m aventus_creds doctor prod"
URL = re.compile(r'href="(http[^"]*/authorize[^"]*)"')


class Kernel:
    """A kernel that the server has started, and its front end, which can answer questions."""

    def __init__(self, server: ExtensionServer) -> None:
        self._server = server
        self.id = server.api("/api/kernels", "POST", json={"name": "aventus-creds-tests"}).json()["id"]
        file = Path(server.environment["JUPYTER_RUNTIME_DIR"], f"kernel-{self.id}.json")
        self._client = BlockingKernelClient(connection_file=str(file))
        self._client.load_connection_file()
        self._client.start_channels(hb=False)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        self.shown = ""

    def _wait_until_ready(self) -> None:
        """Wait until both channels have said something: what is sent before is lost."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            self._client.kernel_info()
            with suppress(queue.Empty):
                self._client.get_shell_msg(timeout=2)
                self._client.get_iopub_msg(timeout=1)
                return
        raise RuntimeError("the kernel does not answer")

    def start(self, code: str) -> None:
        """Run a cell, and do not wait for it."""
        self.shown = ""
        self._cell = self._client.execute(code, allow_stdin=True)

    def until(self, wanted: re.Pattern[str]) -> re.Match[str]:
        """Read what the cell shows until it matches."""
        while not (found := wanted.search(self.shown)):
            assert not self._read(), self.shown
        return found

    def end(self) -> str:
        """Wait for the end of the cell and return all that it has shown."""
        while not self._read():
            pass
        return self.shown

    def run(self, code: str) -> str:
        self.start(code)
        return self.end()

    def _read(self) -> bool:
        message = self._client.get_iopub_msg(timeout=LIMIT)
        if message["parent_header"].get("msg_id") != self._cell:
            return False
        content: dict[str, Any] = message["content"]
        self.shown += str(content.get("text", ""))
        self.shown += "".join(map(str, content.get("data", {}).values())).replace("&amp;", "&")
        self.shown += f"{content.get('ename', '')}: {content.get('evalue', '')}" if "ename" in content else ""
        return bool(message["msg_type"] == "status" and content["execution_state"] == "idle")

    def interrupt(self) -> None:
        self._server.api(f"/api/kernels/{self.id}/interrupt", "POST")

    def kill(self, door: Path) -> None:
        """End it as the system does that is out of memory, and wait until it has left its door."""
        os.kill(int(self.run("import os; print(os.getpid())")), signal.SIGKILL)
        while rendezvous._lives(PrivateFolder(door.parent), door.name):
            time.sleep(0.01)

    def close(self) -> None:
        self._client.stop_channels()


@contextmanager
def kernel_of(server: ExtensionServer, tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(server)
    try:
        kernel.run(SETUP.format(profiles=str(tmp_path / "profiles.toml"), state=str(tmp_path / "state")))
        yield kernel
    finally:
        kernel.close()
        server.api(f"/api/kernels/{kernel.id}", "DELETE")


@pytest.fixture
def kernel(module_server: ExtensionServer, tmp_path: Path) -> Iterator[Kernel]:
    with kernel_of(module_server, tmp_path) as kernel:
        yield kernel
    assert module_server.doors() == []


@pytest.fixture
def sandbox(module_server: ExtensionServer, write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=module_server.callback) as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 60}})
        yield sandbox


def arrive(server: ExtensionServer, url: str) -> requests.Response:
    """Log in at ``url`` as the server's user, and arrive where that leads."""
    address = Robot().redirect_address(url)
    assert address.startswith(f"{server.callback}?")
    return server.redirect(address.partition("?")[2])


def test_installing_the_package_enables_it(tmp_path: Path) -> None:
    """By a file in the environment; nobody has to run a command."""
    command = [sys.executable, "-m", "jupyter", "server", "extension", "list"]
    environment = isolated_environment(tmp_path)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert re.search(r"aventus_creds\.server_extension\S*\s+\S*enabled", done.stdout + done.stderr)
    assert re.search(r"aventus_creds\.server_extension\S*\s+\S*OK", done.stdout + done.stderr)


def test_get_session(module_server: ExtensionServer, kernel: Kernel, sandbox: Sandbox) -> None:
    """The cell waits, the redirect comes back through the server, and the cell goes on."""
    kernel.start("print(get_session('prod').get('/v1/me').json()['sub'])")
    answer = arrive(module_server, kernel.until(URL)[1])
    assert "Logged in to prod." in answer.text
    assert kernel.end().endswith("ada\n")
    assert "paste the address of the new tab here" not in kernel.shown


def test_a_busy_kernel_hears_it(module_server: ExtensionServer, kernel: Kernel, sandbox: Sandbox) -> None:
    """The panel waits in the background while a cell computes."""
    kernel.run("button = LoginButton('prod')\nimport time\nwhile not button._login.url: time.sleep(0.01)")
    url = kernel.run("print(button._login.url)").strip()
    busy = "while button._login.state == 'waiting': sum(range(1000))"
    kernel.start(f"print('computes', flush=True)\n{busy}\nprint('ended')")
    kernel.until(re.compile("computes"))
    assert "Logged in to prod." in arrive(module_server, url).text
    assert kernel.end().endswith("ended\n")
    assert kernel.run("print(button.session.get('/v1/me').json()['sub'])") == "ada\n"


def test_a_time_limit(
    module_server: ExtensionServer, kernel: Kernel, sandbox: Sandbox, write_profiles: WriteProfiles
) -> None:
    """Nobody comes: the cell ends, and what comes later finds nobody."""
    write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 2}})
    kernel.start("get_session('prod')")
    url = kernel.until(URL)[1]
    assert "LoginTimeout" in kernel.end()
    assert module_server.doors() == []
    assert arrive(module_server, url).status_code == 404


def test_a_refusal(module_server: ExtensionServer, kernel: Kernel, sandbox: Sandbox) -> None:
    """The code is not accepted: the page and the cell say so."""
    kernel.start("get_session('prod')")
    url = kernel.until(URL)[1]
    query = Robot().redirect_address(url).partition("?")[2]
    answer = module_server.redirect(re.sub("code=[^&]*", "code=forged", query))
    assert "The login failed" in answer.text
    assert "TokenRefused" in kernel.end()


def test_an_interrupt(module_server: ExtensionServer, kernel: Kernel, sandbox: Sandbox) -> None:
    """Ctrl-C in a login that a terminal or a cell waits for itself closes its door."""
    code = """
from aventus_creds.logins.login import log_in
from aventus_creds.profiles.file import read_profiles
class Panel:
    def __init__(self, redirect_uri, why): self.redirect_uri = redirect_uri
    def start(self, attempt): print(f'href="{attempt.url}"', flush=True)
    def close(self): pass
log_in(read_profiles().profile('prod'), print, panel=Panel)
"""
    kernel.start(code)
    url = kernel.until(URL)[1]
    assert len(module_server.doors()) == 1
    kernel.interrupt()
    assert "KeyboardInterrupt" in kernel.end()
    assert module_server.doors() == []
    assert arrive(module_server, url).status_code == 404


def test_a_restart_in_the_middle(
    module_server: ExtensionServer, kernel: Kernel, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The redirect of the login that is gone finds nobody; the next login works."""
    kernel.run("button = LoginButton('prod')\nimport time\nwhile not button._login.url: time.sleep(0.01)")
    old = kernel.run("print(button._login.url)").strip()
    (door,) = module_server.doors()
    kernel.kill(module_server.file.parent / door)
    assert arrive(module_server, old).status_code == 404
    with kernel_of(module_server, tmp_path) as another:
        another.start("get_session('prod')")
        assert "Logged in to prod." in arrive(module_server, another.until(URL)[1]).text
        another.end()


def test_two_kernels_at_once(
    module_server: ExtensionServer, sandbox: Sandbox, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """Two notebooks of one user, with the same client: no port to share."""
    keys = {**sandbox.profiles()["aventus"], "login_timeout": 60}
    write_profiles({"one": keys, "two": keys})
    with kernel_of(module_server, tmp_path) as one, kernel_of(module_server, tmp_path) as two:
        one.start("print(get_session('one').get('/v1/me').status_code)")
        two.start("print(get_session('two').get('/v1/me').status_code)")
        urls = [kernel.until(URL)[1] for kernel in (one, two)]
        assert "Logged in to two." in arrive(module_server, urls[1]).text
        assert "Logged in to one." in arrive(module_server, urls[0]).text
        assert one.end().endswith("200\n")
        assert two.end().endswith("200\n")


@pytest.mark.parametrize("given", ["jupyter", ["jupyter", "http://127.0.0.1:0/callback"]])
def test_the_servers_own_address(
    module_server: ExtensionServer,
    kernel: Kernel,
    sandbox: Sandbox,
    write_profiles: WriteProfiles,
    given: Any,
) -> None:
    """redirect_uri = "jupyter" is what the user's browser has in its address line."""
    with module_server.browser() as browser:
        browser.post(f"{module_server.url}/api/none", headers={"Origin": module_server.origin}, timeout=10)
    deadline = time.monotonic() + 10
    while module_server.said["redirect_uri"] != module_server.callback:  # it is noted after the answer
        assert time.monotonic() < deadline
    write_profiles({"prod": {**sandbox.profiles()["aventus"], "redirect_uri": given}})
    kernel.start("print(get_session('prod').get('/v1/me').status_code)")
    assert "Logged in to prod." in arrive(module_server, kernel.until(URL)[1]).text
    assert kernel.end().endswith("200\n")


def test_doctor_and_a_terminal(module_server: ExtensionServer, kernel: Kernel, sandbox: Sandbox) -> None:
    """What a cell or a terminal of JupyterLab starts takes the same way, and doctor says so."""
    said = " ".join(kernel.run(DOCTOR).split())  # it is a terminal of 80 columns
    assert f"{module_server.callback} comes back through the Jupyter server that this runs under" in said


def test_without_the_extension(tmp_path: Path, sandbox: Sandbox) -> None:
    """The redirect is pasted, and the panel and doctor say why."""
    (tmp_path / "other").mkdir()
    with ExtensionServer(tmp_path / "other", extension=False) as server:
        assert requests.get(server.callback, timeout=10).status_code == 404
        with kernel_of(server, tmp_path) as kernel:
            code = "button = LoginButton('prod')\nimport time\nwhile not button._login.url: time.sleep(0.01)"
            kernel.run(code)
            said = kernel.run("print(button._login.notice)")
            assert said.startswith("this process was not started by a Jupyter server that has the extension")
            assert "paste the address of the new tab here" in said
            assert "was not started by a Jupyter server" in " ".join(kernel.run(DOCTOR).split())


def test_the_end_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes back what it said. What a killed one has left is noticed, and removed by the next one."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    state = {"AVENTUS_CREDS_STATE_DIR": str(tmp_path / "state")}
    ended = (None, "the Jupyter server that started this process has ended, or runs on another machine")
    with ExtensionServer(folders[0], environment=state) as server:
        file = server.file
        monkeypatch.setenv("AVENTUS_CREDS_JUPYTER", str(file))
        assert find_server()[0]
    assert not file.exists()
    assert find_server() == ended
    with ExtensionServer(folders[1], environment=state) as server:
        file = server.file
        monkeypatch.setenv("AVENTUS_CREDS_JUPYTER", str(file))
        server.process.kill()
        server.process.wait()
        assert file.exists()
        assert find_server() == ended
    with ExtensionServer(folders[2], environment=state) as server:
        assert not file.exists()
        assert server.file.exists()


def test_on_another_machine(module_server: ExtensionServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that machines share shows a kernel the file of a server that it cannot be reached by."""
    monkeypatch.setenv("AVENTUS_CREDS_JUPYTER", str(module_server.file))
    here = platform.node()
    monkeypatch.setattr(platform, "node", lambda: "a-worker")
    assert find_server() == (None, f"this process runs on a-worker, and its Jupyter server on {here}")
