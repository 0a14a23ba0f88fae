"""What a login leaves in the logs of a real JupyterHub, its proxy and the users' servers, at DEBUG."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
from hub.desk import NOBODY_WAITS, HubDesk, Office
from notebook_desk import LOGGED_IN, fill_in

from aventus_creds.sandbox import Sandbox

pytestmark = [pytest.mark.heavy, pytest.mark.hub, pytest.mark.timeout(300)]

OF_THE_HUB = re.compile(r"\[I [^]]* JupyterHub log:\d+\] ")
IN_NEXT = re.compile(r"[?&]next=[^ &]*")
BASE64 = re.compile(r"\beyJ[\w-]{20,}")


def by_click(desk: HubDesk) -> str:
    """Log in by one click, and return the address that the redirect ended at."""
    desk.waits()
    tab = desk.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Logged in to prod.").wait_for()
    desk.goes_on()
    return tab.url


def by_paste(desk: HubDesk) -> str:
    """Log in on a server without the extension, and return the address that was pasted."""
    desk.open('from aventus_creds import LoginButton\nbutton = LoginButton("prod")\nbutton')
    desk.notebook.run(1)
    tab = desk.follow_link()
    fill_in(tab, "Allow")
    tab.wait_for_url("**/aventus-creds/callback?**")
    desk.paste(tab.url)
    desk.says(LOGGED_IN)
    return tab.url


def lines_with(log: str, secrets: set[str]) -> list[str]:
    """Return the lines that have one of ``secrets`` in them, as it is, quoted, or in an encoded state of the hub."""
    found = []
    for line in log.splitlines():
        hidden = [
            base64.urlsafe_b64decode(f"{word}====").decode("utf-8", "replace")
            for word in BASE64.findall(line)
        ]
        if any(secret in unquote(unquote("\n".join([line, *hidden]))) for secret in secrets):
            found.append(line)
    return found


@pytest.mark.parametrize(("name", "log_in"), [("ada", by_click), ("mary", by_paste)])
def test_no_log_holds_a_secret_that_is_good(
    office: Office, sandbox: Sandbox, name: str, log_in: Callable[[HubDesk], str]
) -> None:
    """The hub alone writes code and state, and only within ``next=``. By then both have been used.

    The servers of the users and the proxy write neither, nor does anything write a token.
    """
    office.profile(sandbox)
    desk = office.desk(name, sandbox)
    before = len(office.hub.log)
    address = log_in(desk)
    log = office.hub.log[before:]
    (code,), (state,) = (parse_qs(urlsplit(address).query)[key] for key in ("code", "state"))
    written = lines_with(log, {code, state})
    assert written, "the search finds nothing"
    for line in written:
        assert OF_THE_HUB.match(line)
        assert lines_with(IN_NEXT.sub("", line), {code, state}) == []
    assert {code, state} < desk.wiretap.heard
    assert lines_with(log, desk.wiretap.heard - {code, state}) == []
    again = requests.post(
        f"{sandbox.profiles()['aventus']['base_url']}/oauth/token",
        data={"grant_type": "authorization_code", "code": code, "client_id": "aventus-pkce"},
        timeout=10,
    )
    assert again.status_code == 400, again.text
    if name != "mary":
        desk.visit(address).get_by_role("heading", name=NOBODY_WAITS).wait_for()
