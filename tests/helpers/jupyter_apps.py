"""Starts JupyterLab and Notebook 7 on a loopback port, and controls them in a browser with their own commands."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from support import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

AppName = Literal["lab", "notebook"]

KERNEL: Final = "aventus-creds-tests"
KERNEL_PYTHON: Final = os.environ.get("AVENTUS_CREDS_TEST_KERNEL_PYTHON", sys.executable)
"""The Python whose ipykernel runs the cells: another environment's, to test with an older one."""

EXTENSION: Final = "aventus_creds.server_extension"

START_LIMIT: Final = 60
"""Seconds that a server or a page may take to start."""

SETTINGS: Final = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # else a hidden cell has no outputs
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},  # saves the most into the file
}
OPTIONS: Final = (
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--ServerApp.terminals_enabled=False",
    "--LabApp.extension_manager=readonly",
    # If the tests are killed, the server stops by itself.
    "--ServerApp.shutdown_no_activity_timeout=300",
    "--MappingKernelManager.cull_idle_timeout=120",
    "--MappingKernelManager.cull_interval=60",
)
CLASSES: Final = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}
MODULES: Final = {"lab": "jupyterlab", "notebook": "notebook"}

READY: Final = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
# A kernel that is connected and idle may still lose the first cell, so wait for one answer first.
ROUND_TRIP: Final = """() => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({code: 'None', silent: true, store_history: false, allow_stdin: false});
  return Promise.race([
    asked.done.then(() => true, () => false),
    new Promise(resolve => setTimeout(() => resolve(false), 5000)),
  ]);
}"""
OPEN: Final = """async name => {
  window.endedCells = new Set();
  await window.jupyterapp.commands.execute('docmanager:open', {path: name});
}"""
CLOSE: Final = "() => window.jupyterapp.shell.currentWidget.dispose()"
START: Final = """index => {
  window.endedCells ??= new Set();
  window.endedCells.delete(index);
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  window.jupyterapp.commands.execute('notebook:run-cell').finally(() => window.endedCells.add(index));
}"""
ENDED: Final = "index => window.endedCells.has(index)"
OUTPUTS: Final = (
    "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.toJSON()"
)
COMMAND: Final = """([name, values]) => window.jupyterapp.commands.execute(name, values).then(() => null)"""


class Server:
    """A Jupyter server of one user, with the folder of their notebooks. Whoever has started it is a subclass.

    :param app: JupyterLab or Notebook 7
    :param url: where it answers, without a slash at the end
    :param work: for the notebooks
    :param token: for its API
    :param tls: the authorities for its certificate, if it is reached over TLS
    """

    def __init__(
        self, app: AppName, url: str, work: Path, *, token: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self.app = app
        self.url = url
        self.work = work
        self.work.mkdir(parents=True)
        self._token = token
        self._tls = tls
        self._query = ""  # of the address that a page is opened at
        self._opened = 0

    def end_kernels(self) -> None:
        """End all kernels, whatever they are doing."""
        for kernel in json.loads(self._api("/api/kernels")):
            self._api(f"/api/kernels/{kernel['id']}", "DELETE")

    def write(self, name: str, *cells: str) -> None:
        """Write a notebook of code cells."""
        (self.work / name).write_text(json.dumps(notebook_of(*cells)), encoding="utf-8")

    def saved(self, name: str) -> dict[str, Any]:
        """Return the notebook as it stands in its file."""
        content: dict[str, Any] = json.loads((self.work / name).read_text("utf-8"))
        return content

    def open(self, page: Page, name: str) -> OpenNotebook:
        """Open a notebook in ``page`` and wait for its kernel.

        A JupyterLab that ``page`` already shows is kept, which takes a quarter of the time.
        """
        limit = START_LIMIT * 1000
        if self.app == "lab" and page.url.startswith(self.url):
            page.evaluate(OPEN, name)
        else:
            self._opened += 1
            # Use a new workspace, because JupyterLab restores the tabs of the last one.
            tree = f"lab/workspaces/w{self._opened}/tree" if self.app == "lab" else "notebooks"
            page.goto(f"{self.url}/{tree}/{name}{self._query}")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=limit)
        page.wait_for_function(READY, timeout=limit)
        if not any(page.evaluate(ROUND_TRIP) for _ in range(4)):
            raise RuntimeError("the kernel does not answer")
        return OpenNotebook(self, page, name)

    def _api(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {self._token}"}
        )
        with urllib.request.urlopen(request, timeout=10, context=self._tls) as response:
            content: bytes = response.read()
            return content


class Jupyter(Server):
    """A Jupyter server with files and settings of its own, under ``folder``.

    ::

        with Jupyter("lab", tmp_path) as jupyter:
            jupyter.write("a.ipynb", "1 + 1")
            notebook = jupyter.open(page, "a.ipynb")
            notebook.run(0)
            assert notebook.text(0) == "2"

    :param app: JupyterLab or Notebook 7
    :param folder: for the notebooks, the settings and the home of the server and of its kernels
    :param python: the Python of the kernels; the server itself runs in this one
    """

    def __init__(self, app: AppName, folder: Path, *, python: str = KERNEL_PYTHON) -> None:
        self.port = free_port()
        super().__init__(app, f"http://127.0.0.1:{self.port}", folder / "work", token=os.urandom(16).hex())
        self._query = f"?token={self._token}"
        self._log = folder / "server.log"
        environment = isolated_environment(folder)
        for name, values in SETTINGS.items():
            path = Path(environment["JUPYTERLAB_SETTINGS_DIR"], f"{name}.jupyterlab-settings")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values), encoding="utf-8")
        install_kernel(Path(environment["JUPYTER_DATA_DIR"]), python)
        set_extensions(Path(environment["JUPYTER_CONFIG_DIR"]), {EXTENSION: True})
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", MODULES[app], *OPTIONS, f"--port={self.port}"),
                    f"--ServerApp.root_dir={self.work}",
                    f"--IdentityProvider.token={self._token}",
                    f"--{CLASSES[app]}.expose_app_in_browser=True",
                ],
                env=environment,
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        """Wait until the server answers."""
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self) -> None:
        """Wait until the server answers; several may be started before the first is waited for."""
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self._api("/api")
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(self._log.read_text("utf-8")) from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End the kernels and the server."""
        with suppress(OSError, ValueError):
            self.end_kernels()
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class OpenNotebook:
    """A notebook in a page of the browser."""

    def __init__(self, jupyter: Server, page: Page, name: str) -> None:
        self.page = page
        self._jupyter = jupyter
        self._name = name

    def run(self, index: int) -> None:
        """Run a cell to its end."""
        self.start(index)
        self.join(index)

    def start(self, index: int) -> None:
        """Run a cell without waiting for its end."""
        self.page.evaluate(START, index)

    def join(self, index: int, seconds: float = 20) -> None:
        """Wait for the end of a cell that was started."""
        self.page.wait_for_function(ENDED, arg=index, timeout=seconds * 1000)

    def running(self, index: int) -> bool:
        """Whether a cell that was started has not ended."""
        return not self.page.evaluate(ENDED, index)

    def run_all(self) -> None:
        """Run all cells; like a person's "Run all", it stops at an error."""
        self.command("notebook:run-all-cells")

    def interrupt(self) -> None:
        """Interrupt the kernel, as the button with the square does."""
        self.command("notebook:interrupt-kernel")

    def restart(self) -> None:
        """Restart the kernel without a question; the outputs stay."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.page.wait_for_function(READY, timeout=START_LIMIT * 1000)
        assert self.page.evaluate(ROUND_TRIP)

    def dark(self, on: bool) -> None:  # noqa: FBT001
        """Switch between the dark and the light theme."""
        self.command("apputils:change-theme", theme="JupyterLab Dark" if on else "JupyterLab Light")
        self.page.wait_for_function(
            f"() => document.body.dataset.jpThemeLight === '{'false' if on else 'true'}'"
        )

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """Return the outputs of a cell, as the file would hold them."""
        found: list[dict[str, Any]] = self.page.evaluate(OUTPUTS, index)
        return found

    def text(self, index: int) -> str:
        """Return what a cell printed, its last value and its error's name and message."""
        parts: list[str] = []
        for output in self.outputs(index):
            shown = output.get("data", {}).get("text/plain", "")
            parts += [_joined(output.get("text", "")), _joined(shown)]
            if output["output_type"] == "error":
                parts.append(f"{output['ename']}: {output['evalue']}")
        return "".join(parts).strip()

    def cell(self, index: int) -> Locator:
        """Return a cell in the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def save(self) -> dict[str, Any]:
        """Save the notebook and return what is in the file."""
        self.command("docmanager:save")
        return self._jupyter.saved(self._name)

    def close(self) -> None:
        """Leave the notebook and end its kernel."""
        if self._jupyter.app == "lab":
            self.page.evaluate(CLOSE)
        else:
            self.page.close()
        self._jupyter.end_kernels()

    def command(self, name: str, **values: Any) -> None:
        """Execute a command of the application and wait for its end."""
        self.page.evaluate(COMMAND, [name, values])


def set_extensions(config_dir: Path, enabled: Mapping[str, bool]) -> None:
    """Say which extensions a server loads, as an installation does in a folder of its environment."""
    folder = config_dir / "jupyter_server_config.d"
    folder.mkdir(parents=True)
    content = {"ServerApp": {"jpserver_extensions": enabled}}
    (folder / "tests.json").write_text(json.dumps(content), encoding="utf-8")


def isolated_environment(folder: Path) -> dict[str, str]:
    """Return this process' environment with all of Jupyter's and the user's folders under ``folder``."""
    foreign = ("JUPYTER", "PYTHON", "IPYTHON", "AVENTUS_CREDS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for name in (
        *("HOME", "USERPROFILE", "IPYTHONDIR"),
        *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
        *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
    ):
        path = folder / name.lower()
        path.mkdir(parents=True, exist_ok=True)
        environment[name] = str(path)
    return environment


def install_kernel(data_dir: Path, python: str = KERNEL_PYTHON, launcher: str = "ipykernel_launcher") -> None:
    """Write the kernelspec named KERNEL for ``python`` into one of Jupyter's data folders."""
    folder = data_dir / "kernels" / KERNEL
    folder.mkdir(parents=True)
    spec = {
        "argv": [python, "-Xfrozen_modules=off", "-m", launcher, "-f", "{connection_file}"],
        "display_name": "Tests",
        "language": "python",
        "kernel_protocol_version": "5.5",  # the front end asks the kernel whether it supports subshells
        "metadata": {"debugger": False},
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def notebook_of(*cells: str) -> dict[str, Any]:
    """Return a notebook of code cells that runs on the kernel of the tests."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": source.strip(),
            }
            for index, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": KERNEL, "display_name": "Tests", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
