"""Real-time collaboration on a hub keeps what is displayed in a database of its own, the link of a login too."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from environments import environment_beside
from hub.desk import NOBODY_WAITS, Office
from hub.hub import Hub, of_our_environment
from notebook_desk import fill_in
from support import unavailable

from aventus_creds.sandbox import Sandbox

pytestmark = [pytest.mark.heavy, pytest.mark.hub, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def collaborating_hub(proxy: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub whose servers have jupyter-collaboration."""
    try:
        python = environment_beside(tmp_path_factory.mktemp("together"), "jupyter-collaboration>=4")
    except RuntimeError as fault:
        unavailable(f"jupyter-collaboration cannot be installed: {str(fault)[-300:]}")
    with Hub(["ada"], proxy, python=str(python), servers_environment=of_our_environment()) as hub:
        yield hub


@pytest.mark.parametrize("office", ["collaborating_hub"], indirect=True)
def test_what_the_database_keeps(office: Office, sandbox: Sandbox) -> None:
    """Of a login that has ended it has the link at most: no code, no token, and a state that nobody waits for."""
    office.profile(sandbox)
    ada = office.desk("ada", sandbox)
    ada.waits()
    link = ada.address_of_link()
    tab = ada.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Logged in to prod.").wait_for()
    ada.goes_on()
    ada.notebook.save()
    (database,) = ada.jupyter.home.rglob(".jupyter_ystore.db")
    kept = database.read_bytes().decode("utf-8", "replace")
    in_the_link = {value for values in parse_qs(urlsplit(link).query).values() for value in values}
    secrets = {secret for secret in ada.wiretap.heard if secret in kept}
    print(
        "KEPT",
        len(kept),
        [k for k, v in parse_qs(urlsplit(link).query).items() if v[0] in secrets],
        len(secrets),
    )
    assert secrets, "the search finds nothing"
    assert secrets <= in_the_link
    tab.reload()
    tab.get_by_role("heading", name=NOBODY_WAITS).wait_for()
    office.leave(ada)
