"""The login button and get_session in JupyterLab and Notebook 7: real servers and kernels, a real browser.

``Desk`` is a person at a notebook; it looks for secrets in all that the notebook keeps.
"""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from notebook_desk import BUTTON, LOGGED_IN, Desk, WriteProfiles, fill_in, keys, only_lab
from support import free_port

from aventus_creds.sandbox import Sandbox

pytestmark = pytest.mark.heavy

GET_SESSION = 'from aventus_creds import get_session\nsession = get_session("prod")'
ASK_BUTTON = 'print(button.session.get("/v1/me").status_code)'
ASK_SESSION = 'print(session.get("/v1/me").status_code)'


@only_lab
def test_the_search_finds_what_a_widget_keeps(desk: Desk) -> None:
    """The state of widgets is saved, so a search that finds nothing means something."""
    notebook = desk.open("import ipywidgets\nbox = ipywidgets.Password()\nbox")
    notebook.run(1)
    desk.page.locator(".jupyter-widgets input").fill("a-secret-that-was-typed")
    desk.page.locator(".jupyter-widgets input").press("Enter")
    deadline = time.monotonic() + 10
    while "a-secret-that-was-typed" not in json.dumps(notebook.save()):
        assert time.monotonic() < deadline
    desk.wiretap.heard.add("a-secret-that-was-typed")
    assert set(desk.found_in_files()) == {"a-secret-that-was-typed"}
    desk.wiretap.heard.clear()


def test_a_click_logs_in(desk: Desk) -> None:
    """One click, the form in the new tab, the redirect; the panel changes by itself, the next cell calls."""
    from playwright.sync_api import expect

    notebook = desk.open(
        f"{BUTTON}",
        "1 + 1",
        ASK_BUTTON,
        "told = []\nbutton.on_login(told.append)\nprint(told[0].get('/v1/me').json()['sub'])",
        BUTTON,
    )
    notebook.run(1)
    desk.says("Not logged in")
    desk.says("Waiting")
    assert desk.link.get_attribute("target") == "_blank"
    notebook.run(2)  # the kernel is free
    assert notebook.text(2) == "2"
    desk.log_in()
    desk.says(LOGGED_IN)
    expect(desk.link).to_have_count(0)
    expect(desk.paste_box).to_have_count(0)
    notebook.run(3)
    assert notebook.text(3) == "200"
    notebook.run(4)
    assert notebook.text(4) == "ada"
    notebook.run(5)  # another button knows at once
    notebook.cell(5).locator(".aventus-creds-status").filter(has_text=LOGGED_IN).wait_for()
    assert "VBox" not in notebook.text(1)


def test_get_session_waits_for_the_login(desk: Desk) -> None:
    """The cell shows the panel, waits, and goes on by itself; with a token it shows nothing at all."""
    notebook = desk.open(GET_SESSION, ASK_SESSION)
    notebook.start(1)
    desk.link.wait_for()
    desk.log_in()
    notebook.join(1)
    notebook.run(2)
    assert notebook.text(2) == "200"
    notebook.run(1)
    assert notebook.outputs(1) == []


def test_a_wrong_paste_is_refused_and_can_be_corrected(desk: Desk) -> None:
    """An address of another login is refused with the reason; the right one then logs in."""
    from playwright.sync_api import expect

    notebook = desk.open(BUTTON, ASK_BUTTON)
    notebook.run(1)
    desk.link.wait_for()
    address = desk.address()
    state = parse_qs(urlsplit(address).query)["state"][0]
    desk.paste(address.replace(state, "a-state-of-another-login"))
    desk.panel.get_by_role("alert").wait_for()
    expect(desk.paste_box).to_have_value("")
    desk.says("Not logged in")
    assert "a-state-of-another-login" not in json.dumps(notebook.save())
    assert parse_qs(urlsplit(address).query)["code"][0] not in json.dumps(notebook.save())
    desk.paste("see above")
    expect(desk.paste_box).to_have_value("")  # it is emptied when it is read: not the next address
    desk.panel.get_by_role("alert").wait_for()
    desk.paste(address)
    desk.says(LOGGED_IN)
    notebook.run(2)
    assert notebook.text(2) == "200"


def test_a_refusal_then_a_login_then_a_logout(desk: Desk) -> None:
    """Deny is told in the tab and in the panel; Log in and Log out do what they say."""
    notebook = desk.open(BUTTON, ASK_BUTTON)
    notebook.run(1)
    tab = desk.follow_link()
    fill_in(tab, "Deny")
    tab.get_by_role("heading", name="The login failed").wait_for()
    desk.panel.get_by_text("access_denied").wait_for()
    assert desk.link.count() == 0
    desk.button("Log in to prod").click()
    desk.link.wait_for()
    assert desk.panel.get_by_text("access_denied").count() == 0
    desk.log_in()
    desk.says(LOGGED_IN)
    desk.button("Log out").click()
    desk.says("Not logged in")
    assert "revoke" in [record.endpoint for record in desk.sandbox.journal]
    notebook.run(2)
    assert "LoginRequired" in notebook.text(2)
    desk.button("Log in to prod").wait_for()


def test_an_interrupted_cell_leaves_the_panel_alive(desk: Desk) -> None:
    """An interrupt ends the wait at once; what is pasted then logs in, and the cell gives the session."""
    notebook = desk.open(GET_SESSION, ASK_SESSION)
    notebook.start(1)
    desk.link.wait_for()
    before = time.monotonic()
    notebook.interrupt()
    notebook.join(1)
    assert time.monotonic() - before < 3
    assert desk.link.is_visible()  # the wait has ended, and not the login
    assert "KeyboardInterrupt" in notebook.text(1)
    desk.paste(desk.address())
    desk.says(LOGGED_IN)
    notebook.run(1)
    notebook.run(2)
    assert notebook.text(2) == "200"


def test_pasting_while_the_cell_waits(desk: Desk) -> None:
    """With subshells it ends the wait; an older kernel says to interrupt, and then takes it."""
    notebook = desk.open(GET_SESSION, ASK_SESSION, "import ipykernel\nprint(ipykernel.version_info[0])")
    notebook.run(3)
    subshells = int(notebook.text(3)) >= 7
    notebook.start(1)
    desk.link.wait_for()
    help_text = desk.panel.inner_text()
    desk.paste(desk.address())
    if subshells:
        notebook.join(1)
    else:
        assert "interrupt" in help_text.lower()
        desk.page.wait_for_timeout(500)
        assert notebook.running(1)
        notebook.interrupt()
        notebook.join(1)
        desk.says(LOGGED_IN)
        notebook.run(1)
    notebook.run(2)
    assert notebook.text(2) == "200"


def test_a_redirect_that_can_only_be_pasted(
    desk: Desk, sandbox: Sandbox, write_profiles: WriteProfiles
) -> None:
    """The cell does not block: it says to log in above and to run it again, and so it is."""
    uri = "https://app.example.com/callback"
    sandbox.register(uri)
    write_profiles({"prod": keys(sandbox, redirect_uri=uri)})
    notebook = desk.open(GET_SESSION, ASK_SESSION)
    before = time.monotonic()
    notebook.run(1)
    assert time.monotonic() - before < 5
    assert "LoginPending" in notebook.text(1)
    desk.link.wait_for()
    desk.paste(desk.address())
    desk.says(LOGGED_IN)
    notebook.run(1)
    notebook.run(2)
    assert notebook.text(2) == "200"


def test_several_panels_for_one_profile_agree(desk: Desk) -> None:
    """One button displayed twice and a second button are one login: they change together."""
    notebook = desk.open(
        "from IPython.display import display\n" + BUTTON + "\ndisplay(button, button)", BUTTON
    )
    notebook.run(1)
    notebook.run(2)
    desk.link.nth(2).wait_for()
    assert len({link.get_attribute("href") for link in desk.link.all()}) == 1
    desk.log_in(desk.link.nth(1))
    status = desk.panel.locator(".aventus-creds-status")
    status.filter(has_text=LOGGED_IN).nth(2).wait_for()
    desk.button("Log out").nth(2).click()
    status.filter(has_text="Not logged in").nth(2).wait_for()
    assert desk.button("Log out").count() == 0


@only_lab
def test_through_jupyter_server_proxy(desk: Desk, sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """The redirect goes to Jupyter's own address, which forwards it to the listener in the kernel."""
    port = free_port()
    uri = f"{desk.jupyter.url}/proxy/{port}/callback"
    sandbox.register(uri)
    write_profiles({"prod": keys(sandbox, redirect_uri=uri, listen=f"127.0.0.1:{port}")})
    notebook = desk.open(GET_SESSION, ASK_SESSION)
    notebook.start(1)
    desk.link.wait_for()
    desk.log_in()
    notebook.join(1)
    notebook.run(2)
    assert notebook.text(2) == "200"


def test_through_the_server_itself(desk: Desk, sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """No hub: the redirect goes to the extension of JupyterLab or Notebook 7. Again, it meets no login."""
    uri = f"{desk.jupyter.url}/aventus-creds/callback"
    sandbox.register(uri)
    write_profiles({"prod": keys(sandbox, redirect_uri=uri)})
    notebook = desk.open(GET_SESSION, ASK_SESSION)
    notebook.start(1)
    desk.link.wait_for()
    tab = desk.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Logged in to prod.").wait_for()
    notebook.join(1)
    notebook.run(2)
    assert notebook.text(2) == "200"
    tab.reload()
    tab.get_by_role("heading", name="No login on this server is waiting for this").wait_for()
    tab.close()


@only_lab
def test_a_restarted_kernel(desk: Desk) -> None:
    """The panel of the old kernel is dead; the cell run again shows one that works, at the same port."""
    notebook = desk.open(BUTTON, ASK_BUTTON)
    notebook.run(1)
    desk.link.wait_for()
    old = desk.link.get_attribute("href")
    notebook.restart()
    notebook.run(0)
    notebook.run(1)
    desk.link.wait_for()
    assert desk.link.get_attribute("href") != old
    desk.log_in()
    desk.says(LOGGED_IN)
    notebook.run(2)
    assert notebook.text(2) == "200"


@only_lab
def test_a_cell_run_again(desk: Desk) -> None:
    """The same cell again, while it waits, is the same login."""
    notebook = desk.open(BUTTON, ASK_BUTTON)
    notebook.run(1)
    desk.link.wait_for()
    notebook.run(1)
    desk.link.wait_for()
    desk.log_in()
    desk.says(LOGGED_IN)
    notebook.run(2)
    assert notebook.text(2) == "200"


@only_lab
def test_the_time_limit(desk: Desk, sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """Nobody logs in: the cell ends with LoginTimeout, and the panel offers another try."""
    write_profiles({"prod": keys(sandbox, login_timeout=2)})
    notebook = desk.open(GET_SESSION)
    notebook.run(1)
    assert "LoginTimeout" in notebook.text(1)
    desk.button("Log in to prod").wait_for()
    assert desk.link.count() == 0


@only_lab
def test_the_magics(desk: Desk) -> None:
    """%aventus_login shows the panel, %aventus_status says how things stand."""
    notebook = desk.open("%load_ext aventus_creds", "%aventus_login prod", "%aventus_status")
    notebook.run(1)
    assert notebook.outputs(1) == []
    notebook.start(2)
    desk.link.wait_for()
    desk.log_in()
    notebook.join(2)
    desk.says(LOGGED_IN)
    notebook.run(3)
    assert "prod" in notebook.text(3)
