"""Fixtures for the tests on a real JupyterHub: the hub, its users' browsers, and a sandbox to log in at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub.desk import Office
from hub.hub import Hub, install_proxy, why_unavailable
from hub.places import why_no_other_users
from support import unavailable

from aventus_creds.sandbox import Sandbox

USERS = ("ada", "grace", "mary")
WITHOUT_EXTENSION = "mary"


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of configurable-http-proxy."""
    if reason := why_unavailable():
        (pytest.skip if os.name == "nt" else unavailable)(reason)
    return install_proxy(tmp_path_factory.mktemp("proxy"))


@pytest.fixture(scope="session")
def own_uids() -> bool:
    """Whether each user's server has a uid of its own: as root, wherever that is possible."""
    return why_no_other_users() is None


@pytest.fixture(scope="session")
def hub(proxy: list[str], own_uids: bool) -> Iterator[Hub]:  # noqa: FBT001
    """The hub of most tests. Each user's server has a uid of its own where that is possible."""
    with Hub(USERS, proxy, own_uids=own_uids, without_extension=[WITHOUT_EXTENSION]) as hub:
        yield hub


@pytest.fixture(scope="session")
def shared_hub(proxy: list[str]) -> Iterator[Hub]:
    """A hub whose users' servers all have the same uid."""
    with Hub(USERS, proxy) as hub:
        yield hub


@pytest.fixture(scope="module")
def offices(chromium: Any) -> Iterator[dict[Hub, Office]]:
    offices: dict[Hub, Office] = {}
    yield offices
    for office in offices.values():
        office.close()


@pytest.fixture(params=["hub"])
def office(
    offices: dict[Hub, Office], chromium: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Office]:
    """The hub's users, with a browser each. After every test, no file of theirs holds a secret."""
    hub = request.getfixturevalue(request.param)
    office = offices.setdefault(hub, Office(hub, chromium))
    try:
        yield office
    finally:
        found = office.clear(tmp_path)
    assert found == []


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox
