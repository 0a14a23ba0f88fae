"""A real Jupyter server with this package's extension, without a front end, and a person's browser at it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import requests
from jupyter_apps import START_LIMIT, install_kernel, isolated_environment
from support import free_port

import aventus_creds

EXTENSION: Final = "aventus_creds.server_extension"
OTHERS: Final = (
    *("jupyter_lsp", "jupyter_server_proxy", "jupyter_server_terminals", "jupyterlab", "notebook"),
    *("notebook_shim", "voila.server_extension"),
)
"""Extensions that are installed as well. They are not loaded, which takes most of a server's start."""


class ExtensionServer:
    """A server of one user.

    Args:
        folder: for all of its files.
        options: further ones of the command line.
        environment: further variables.
        extension: whether the extension is loaded.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        extension: bool = True,
        base_url: str = "/",
    ) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}{base_url.rstrip('/')}"
        self.callback = f"{self.url}/aventus-creds/callback"
        self.token = os.urandom(16).hex()
        self.log = folder / "server.log"
        self.environment = {
            **isolated_environment(folder),
            "AVENTUS_CREDS_STATE_DIR": str(folder / "server-state"),
            **(environment or {}),
        }
        # What is tested, also where another copy is installed.
        path = (str(Path(aventus_creds.__file__).parents[1]), self.environment.get("PYTHONPATH"))
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        self.state = Path(self.environment["AVENTUS_CREDS_STATE_DIR"])
        install_kernel(Path(self.environment["JUPYTER_DATA_DIR"]))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(
                        sys.executable,
                        "-m",
                        "jupyter_server",
                        "--no-browser",
                        "--allow-root",
                        "--ip=127.0.0.1",
                    ),
                    *(
                        f"--port={self.port}",
                        "--ServerApp.port_retries=0",
                        f"--IdentityProvider.token={self.token}",
                    ),
                    *(f"--ServerApp.base_url={base_url}", f"--ServerApp.root_dir={folder}"),
                    *(
                        "--ServerApp.shutdown_no_activity_timeout=300",
                        f"--ServerApp.jpserver_extensions={EXTENSION}={extension}",
                    ),
                    *(f"--ServerApp.jpserver_extensions={name}=False" for name in OTHERS),
                    *options,
                ],
                env=self.environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self.api("/api")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError(self.log.read_text("utf-8")) from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, ValueError):
            for kernel in self.api("/api/kernels").json():
                self.api(f"/api/kernels/{kernel['id']}", "DELETE")
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def file(self) -> Path:
        """What the extension says about the server."""
        (found,) = self.state.glob("jupyter/*/server-*.json")
        return found

    @property
    def said(self) -> dict[str, Any]:
        """The content of the file."""
        content: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return content

    def doors(self) -> list[str]:
        """Return what else is in the folder: the doors of logins."""
        return sorted(path.name for path in self.file.parent.iterdir() if path != self.file)

    def api(self, path: str, method: str = "GET", **more: Any) -> requests.Response:
        """Ask the server's own API, as a program with its token."""
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(method, self.url + path, headers=headers, timeout=10, **more)

    @contextmanager
    def browser(self) -> Iterator[requests.Session]:
        """The browser of the server's user, who is logged in by a cookie."""
        with requests.Session() as browser:
            browser.trust_env = False
            assert browser.get(f"{self.url}/api/me?token={self.token}", timeout=10).ok
            assert browser.cookies
            yield browser

    def redirect(self, query: str) -> requests.Response:
        """Arrive with a redirect, as the server's user."""
        with self.browser() as browser:
            return browser.get(f"{self.callback}?{query}", timeout=60, allow_redirects=False)
