"""A hub's server without the extension: the redirect is pasted; and what jupyter-server-proxy does instead."""

from __future__ import annotations

import pytest
from hub.desk import Office, codes_exchanged
from notebook_desk import LOGGED_IN, fill_in
from support import free_port

from aventus_creds.sandbox import Sandbox

pytestmark = [pytest.mark.heavy, pytest.mark.hub, pytest.mark.timeout(300)]

GET_SESSION = 'from aventus_creds import get_session\nsession = get_session("prod")'
ASK = 'print(session.get("/v1/me").status_code)'


def test_the_redirect_is_pasted_and_the_panel_says_why(office: Office, sandbox: Sandbox) -> None:
    """The tab ends at a page that is not found, whose address logs in."""
    office.profile(sandbox)
    mary = office.desk("mary", sandbox)
    mary.open(
        'from aventus_creds import get_session\nsession = get_session("prod")',
        'print(session.get("/v1/me").status_code)',
    )
    mary.notebook.run(1)
    assert "LoginPending" in mary.notebook.text(1)
    mary.panel.get_by_text("extension").first.wait_for()
    tab = mary.follow_link()
    fill_in(tab, "Allow")
    tab.wait_for_url("**/user/mary/aventus-creds/callback?**")
    mary.paste(tab.url)
    mary.says(LOGGED_IN)
    mary.notebook.run(1)
    mary.notebook.run(2)
    assert mary.notebook.text(2) == "200"


def test_through_jupyter_server_proxy(office: Office, sandbox: Sandbox) -> None:
    """Who listens first gets everybody's redirect: another user pastes, and a link that was sent is refused."""
    port = free_port()
    uri = f"{office.hub.url}/hub/user-redirect/proxy/{port}/callback"
    office.profile(sandbox, redirect_uri=uri, listen=f"127.0.0.1:{port}")
    ada, grace = office.desk("ada", sandbox), office.desk("grace", sandbox)
    ada.waits()
    grace.open(GET_SESSION)
    grace.notebook.run(1)
    assert "LoginPending" in grace.notebook.text(1)
    grace.panel.get_by_text(str(port)).first.wait_for()
    tab = grace.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Not for this server").wait_for()  # Ada's listener has it, and refuses it
    grace.paste(tab.url)
    grace.says(LOGGED_IN)
    given = codes_exchanged(sandbox)
    tab = grace.visit(ada.address_of_link())
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Not for this server").wait_for()
    assert codes_exchanged(sandbox) == given == 1
    ada.log_in()
    ada.goes_on()
