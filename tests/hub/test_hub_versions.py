"""The way through the server on JupyterHub 5, which has its own packages in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from environments import environment_beside
from hub.desk import Office
from hub.hub import Hub, of_our_environment
from support import unavailable

from aventus_creds.sandbox import Sandbox

pytestmark = [pytest.mark.heavy, pytest.mark.hub, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def python_of_hub_5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with JupyterHub 5, and everything else as it is here."""
    try:
        return environment_beside(tmp_path_factory.mktemp("hub-5"), "jupyterhub>=5,<6")
    except RuntimeError as fault:
        unavailable(f"JupyterHub 5 cannot be installed: {str(fault)[-300:]}")


@pytest.fixture(scope="module")
def hub_5(proxy: list[str], python_of_hub_5: Path) -> Iterator[Hub]:
    with Hub(["ada"], proxy, python=str(python_of_hub_5), servers_environment=of_our_environment()) as hub:
        yield hub


@pytest.mark.parametrize("office", ["hub_5"], indirect=True)
def test_one_click_on_hub_5(office: Office, sandbox: Sandbox, chromium: Any) -> None:
    """The hub and the user's server are both of JupyterHub 5; the redirect takes the same way."""
    office.profile(sandbox)
    ada = office.desk("ada", sandbox)
    ada.waits()
    ada.log_in()
    ada.goes_on()
    assert "Running JupyterHub version 5." in office.hub.log
    assert "single-user server extension version 5." in office.hub.log
