"""A real JupyterHub with its proxy, TLS and users, each with a JupyterLab of their own, for tests in a browser.

::

    with Hub(["ada", "grace"], install_proxy(tmp_path)) as hub:
        hub.users["ada"].start()
        page = hub.log_in(context, "ada")
        hub.users["ada"].write("a.ipynb", "1 + 1")
        notebook = hub.users["ada"].open(page, "a.ipynb")
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import trustme
from jupyter_apps import (
    EXTENSION,
    KERNEL_PYTHON,
    OPTIONS,
    SETTINGS,
    START_LIMIT,
    Server,
    install_kernel,
    set_extensions,
)
from support import MACHINE, free_port

from hub.places import FIRST_UID, closed_folders, give, opening

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

HERE: Final = Path(__file__).parent
CALLBACK: Final = "aventus-creds/callback"
NOT_NEEDED: Final = ("jupyter_lsp", "jupyter_server_terminals", "notebook", "voila.server_extension")
"""Extensions of other packages, which only take time to load."""


def why_unavailable() -> str | None:
    """Say why no hub can run on this machine; None where it can."""
    if os.name == "nt":
        return "JupyterHub does not run on Windows"
    absent = [program for program in ("node", "npm") if shutil.which(program) is None]
    return f"{' and '.join(absent)} not found: a JupyterHub needs configurable-http-proxy" if absent else None


def install_proxy(folder: Path) -> list[str]:
    """Install configurable-http-proxy into ``folder``; return the command that runs it."""
    shutil.copyfile(HERE / "package.json", folder / "package.json")
    command = [shutil.which("npm") or "npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
    for attempts_left in (1, 0):
        done = subprocess.run(
            command, cwd=folder, env=MACHINE, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode == 0:
            break
        if not attempts_left:
            raise RuntimeError(f"npm install failed twice:\n{done.stdout}{done.stderr}")
    return [shutil.which("node") or "node", str(folder / "node_modules/.bin/configurable-http-proxy")]


def of_our_environment() -> dict[str, str]:
    """Return the variables with which servers of another environment find the front end of the tests' own."""
    shared = Path(sys.prefix)
    return {
        "JUPYTER_PATH": str(shared / "share/jupyter"),
        "JUPYTER_CONFIG_PATH": str(shared / "etc/jupyter"),
        "JUPYTERLAB_DIR": str(shared / "share/jupyter/lab"),
    }


class HubUser(Server):
    """A user of the hub, with a home folder and a server there."""

    def __init__(self, hub: Hub, name: str, *, uid: int | None, extension: bool) -> None:
        self.name = name
        self.uid = uid
        self.home = hub.folder / "homes" / name
        super().__init__("lab", f"{hub.url}/user/{name}", self.home / "work", token=hub.token, tls=hub.tls)
        self._hub = hub
        settings = self.home / ".jupyter/lab/user-settings"
        for plugin, values in SETTINGS.items():
            path = settings / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values), encoding="utf-8")
        install_kernel(self.home / ".local/share/jupyter", KERNEL_PYTHON)
        set_extensions(self.home / ".jupyter", dict.fromkeys(NOT_NEEDED, False) | {EXTENSION: extension})
        give(self.home, uid)
        self.home.chmod(0o700)

    @property
    def profiles(self) -> Path:
        """Where this user has profiles.toml."""
        return self.home / ".config/aventus-creds/profiles.toml"

    @property
    def tokens(self) -> Path:
        """Where this user's tokens are stored."""
        return self.home / ".local/state/aventus-creds/tokens"

    def write(self, name: str, *cells: str) -> None:
        super().write(name, *cells)
        give(self.work, self.uid)

    def write_profiles(self, text: str) -> None:
        """Write the user's profiles.toml, where a user has it, and forget every login."""
        self.profiles.parent.mkdir(parents=True, exist_ok=True)
        self.profiles.write_text(text, encoding="utf-8")
        give(self.home / ".config", self.uid)
        shutil.rmtree(self.tokens, ignore_errors=True)

    def start(self) -> None:
        """Have the hub start the server, if it does not run, and wait until it answers."""
        if not self.servers():
            self._hub.api(f"/users/{self.name}/server", "POST")
        self.wait_for(running=True)

    def stop(self) -> None:
        """Ask the hub to stop the server, and wait until it is gone."""
        self._hub.api(f"/users/{self.name}/server", "DELETE")
        self.wait_for(running=False)

    def servers(self) -> dict[str, Any]:
        """Return what the hub says about the user's servers, which are one or none."""
        found: dict[str, Any] = json.loads(self._hub.api(f"/users/{self.name}"))["servers"]
        return found

    def wait_for(self, *, running: bool) -> None:
        """Wait until the server answers, or is gone."""
        deadline = time.monotonic() + START_LIMIT
        while True:
            servers = self.servers()
            if servers.get("", {}).get("ready", False) is running and (running or not servers):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(self._hub.log)
            time.sleep(0.05)


class Hub:
    """A JupyterHub on a loopback port, over TLS with an authority of its own.

    :param users: their names
    :param proxy: the command of configurable-http-proxy, as ``install_proxy`` returns it
    :param port: where it answers, for what must be known before it starts
    :param own_uids: whether each user's server has a uid of its own, which only root can give it
    :param without_extension: the users whose servers do not load this package's extension
    :param python: the Python of the hub and of the servers
    :param more: lines of configuration, in which {url} is the hub's address
    :param environment: variables of the hub's own process
    :param servers_environment: variables of the users' servers
    """

    login_page = "/hub/login"

    def __init__(
        self,
        users: Iterable[str],
        proxy: list[str],
        *,
        port: int | None = None,
        own_uids: bool = False,
        without_extension: Iterable[str] = (),
        python: str = sys.executable,
        more: str = "",
        environment: Mapping[str, str] = {},
        servers_environment: Mapping[str, str] = {},
    ) -> None:
        # A folder of its own: pytest's is closed to other users, and its long paths are too long for sockets.
        self.folder = Path(tempfile.mkdtemp(prefix="hub-"))
        self.folder.chmod(0o755)
        self.url = f"https://127.0.0.1:{port or free_port()}"
        self.callback = f"{self.url}/hub/user-redirect/{CALLBACK}"
        self.token = secrets.token_hex(16)
        self._log = self.folder / "hub.log"
        authority = trustme.CA()
        self.tls = ssl.create_default_context()
        authority.configure_trust(self.tls)
        certificate = authority.issue_cert("127.0.0.1")
        key, chain = self.folder / "key.pem", self.folder / "chain.pem"
        certificate.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        for part in certificate.cert_chain_pems:
            part.write_to_path(chain, append=True)
        self.users = {
            name: HubUser(
                self,
                name,
                uid=FIRST_UID + number if own_uids else None,
                extension=name not in without_extension,
            )
            for number, name in enumerate(users)
        }
        settings = {
            "bind_url": self.url,
            "hub_port": free_port(),
            "proxy": proxy,
            "proxy_api_url": f"http://127.0.0.1:{free_port()}",
            "ssl_key": str(key),
            "ssl_cert": str(chain),
            "token": self.token,
            "homes": {user.name: str(user.home) for user in self.users.values()},
            "uids": {user.name: user.uid for user in self.users.values() if user.uid is not None},
            "environment": dict(servers_environment),
            "server": [python, "-m", "jupyterhub.singleuser"],
            "arguments": [
                *(option for option in OPTIONS if "shutdown_no_activity" not in option),  # the hub ends them
                "--LabApp.expose_app_in_browser=True",
            ],
            "more": more.replace("{url}", self.url),
        }
        (self.folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        (self.folder / "settings.json").chmod(0o600)
        mounts = self.folder / "mounts"
        mounts.mkdir()
        begin = opening(closed_folders()) if own_uids else []
        own = {"HUB_SETTINGS": str(self.folder / "settings.json"), "HUB_MOUNTS": str(mounts)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*begin, python, "-m", "jupyterhub", "-f", str(HERE / "jupyterhub_config.py")],
                env=_clean_environment() | own | dict(environment),
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        """Wait for the hub. The users' servers are started when they are needed."""
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def log(self) -> str:
        """What the hub, its proxy and the users' servers have written, at DEBUG."""
        return self._log.read_text("utf-8", errors="replace")

    def api(self, path: str, method: str = "GET") -> bytes:
        """Ask the hub's own API, as an administrator."""
        request = urllib.request.Request(
            f"{self.url}/hub/api{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30, context=self.tls) as response:
            content: bytes = response.read()
            return content

    def log_in(self, context: BrowserContext, name: str) -> Page:
        """Log in to the hub as ``name`` in a browser's context of their own."""
        page = context.new_page()
        page.goto(f"{self.url}{self.login_page}?next=/hub/home")
        self.fill_in_login(page, name)
        page.wait_for_url("**/hub/home")
        return page

    def fill_in_login(self, page: Page, name: str) -> None:
        """Fill in the hub's own form."""
        page.get_by_role("heading", name="Sign in").wait_for()
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill("any")
        page.get_by_role("button", name="Sign in").click()

    def close(self) -> None:
        """End the kernels, the servers, the proxy and the hub, and remove their folder."""
        for user in self.users.values():
            with suppress(OSError, ValueError):  # it has no server, or the hub itself did not start
                user.end_kernels()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self.api("/")
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(self.log) from None
                time.sleep(0.05)
            else:
                return


def _clean_environment() -> dict[str, str]:
    """Return this process' environment without what belongs to another Jupyter, Python or profile."""
    foreign = ("JUPYTER", "PYTHON", "IPYTHON", "AVENTUS_CREDS_", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
