"""Fixtures: a Jupyter server with the extension, to which this process belongs like a kernel of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from attempts import Login, make_login
from extension_server import ExtensionServer

from aventus_creds.callbacks import rendezvous
from aventus_creds.callbacks.announcement import find_server
from aventus_creds.callbacks.jupyter import JupyterCallback

Waiting = Callable[[], AbstractContextManager[Login]]


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtensionServer]:
    with ExtensionServer(tmp_path_factory.mktemp("jupyter"), "--debug") as server:
        yield server


@pytest.fixture
def server(module_server: ExtensionServer, monkeypatch: pytest.MonkeyPatch) -> ExtensionServer:
    """A server that has started this process, as far as this process can see."""
    monkeypatch.setenv("AVENTUS_CREDS_JUPYTER", str(module_server.file))
    return module_server


@pytest.fixture
def waiting(server: ExtensionServer) -> Waiting:
    """Make a login of this process that waits for its redirect through the server."""

    @contextmanager
    def wait() -> Iterator[Login]:
        found, why_not = find_server()
        assert found, why_not
        callback = JupyterCallback(server.callback, found)
        login = make_login(server.callback)
        try:
            callback.start(login.attempt)
            yield login
        finally:
            callback.close()

    return wait


@pytest.fixture(params=["unix", "port"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways for the two processes to meet: the second is that of Windows."""
    monkeypatch.setattr(rendezvous, "UNIX", request.param == "unix")
    return str(request.param)
