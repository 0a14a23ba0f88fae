"""The login button and get_session in JupyterLab and Notebook 7: real servers and kernels, a real browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jupyter_apps import AppName, Jupyter, OpenNotebook
from support import free_port

from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.people import ADA
from aventus_creds.sandbox.robot import Robot

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

WriteProfiles = Callable[..., Path]

BUTTON = 'from aventus_creds import LoginButton\nbutton = LoginButton("prod")\nbutton'
GET_SESSION = 'from aventus_creds import get_session\nsession = get_session("prod")'
ASK_BUTTON = 'print(button.session.get("/v1/me").status_code)'
ASK_SESSION = 'print(session.get("/v1/me").status_code)'

SECRET_NAMES = {
    *("code", "state", "nonce", "code_verifier", "code_challenge", "client_secret"),
    *("access_token", "refresh_token", "id_token", "token"),
}
LOGGED_IN = re.compile(r"Logged in to prod as ada until .*\d\d:\d\d")

LIMIT = 10000
"""Milliseconds that anything in a page may take."""

only_lab = pytest.mark.parametrize("jupyter", ["lab"], indirect=True)


class Wiretap:
    """Stands before the sandbox and keeps every secret that comes or goes, to look for it elsewhere."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.heard: set[str] = set()
        self._app = sandbox._server.app
        sandbox._server.app = self

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        self._note(parse_qs(environ["QUERY_STRING"]))
        self._note(parse_qs(body.decode()))

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self._note(parse_qs(urlsplit(dict(headers).get("Location", "")).query))
            return start_response(status, headers, *rest)

        answer = b"".join(self._app(environ, start))
        try:
            found = json.loads(answer)
        except ValueError:
            found = {}
        self._note({name: [value] for name, value in found.items()} if isinstance(found, dict) else {})
        return [answer]

    def _note(self, values: dict[str, list[Any]]) -> None:
        for name in SECRET_NAMES & values.keys():
            self.heard.update(value for value in values[name] if isinstance(value, str) and len(value) > 7)


class Desk:
    """A person at a notebook: what they do there, and where to look."""

    def __init__(self, jupyter: Jupyter, page: Page, folder: Path, sandbox: Sandbox) -> None:
        self.jupyter = jupyter
        self.page = page
        self.sandbox = sandbox
        self.folder = folder
        self.wiretap = Wiretap(sandbox)
        self.name = f"{folder.name}.ipynb"

    def open(self, *cells: str) -> OpenNotebook:
        """Open a notebook of ``cells``, which count from 1: cell 0 says whose profiles these are."""
        setup = "import os\n" + "\n".join(
            f"os.environ[{name!r}] = {str(self.folder / file)!r}"
            for name, file in (
                ("AVENTUS_CREDS_PROFILES", "profiles.toml"),
                ("AVENTUS_CREDS_STATE_DIR", "state"),
            )
        )
        self.jupyter.write(self.name, setup, *cells)
        self.notebook = self.jupyter.open(self.page, self.name)
        self.notebook.run(0)
        return self.notebook

    @property
    def panel(self) -> Locator:
        """The login panels, of which most tests have one."""
        return self.page.locator(".aventus-creds-login")

    @property
    def link(self) -> Locator:
        """The link to the login."""
        return self.panel.locator("a.aventus-creds-link")

    @property
    def paste_box(self) -> Locator:
        """Where the redirect's address can be pasted."""
        return self.panel.locator(".aventus-creds-paste input")

    def button(self, name: str) -> Locator:
        """Return the panel's button of that name."""
        return self.panel.get_by_role("button", name=name)

    def says(self, text: str | re.Pattern[str]) -> None:
        """Wait until the status line says ``text``."""
        self.panel.locator(".aventus-creds-status").filter(has_text=text).first.wait_for()

    def address(self) -> str:
        """Log in without a browser and return the redirect's address, as a person would copy it."""
        return Robot().redirect_address(self.link.get_attribute("href") or "")

    def paste(self, address: str) -> None:
        """Paste an address and press Enter."""
        self.paste_box.fill(address)
        self.paste_box.press("Enter")

    def follow_link(self, link: Locator | None = None) -> Page:
        """Click the link and return the new tab with the sandbox's login form."""
        with self.page.context.expect_page() as opened:
            (link or self.link).click()
        tab = opened.value
        tab.set_default_timeout(LIMIT)
        return tab

    def log_in(self, link: Locator | None = None) -> None:
        """Click the link, fill in the form in the new tab, and close the tab as it says."""
        tab = self.follow_link(link)
        fill_in(tab, "Allow")
        tab.get_by_role("heading", name="Logged in to prod.").wait_for()
        assert tab.get_by_text("You can close this tab.").is_visible()
        tab.close()

    def found_in_files(self) -> list[str]:
        """Save the notebook and return what is secret in it, or in any copy of it."""
        saved = self.notebook.save()
        assert saved["metadata"]["widgets"], "the state of widgets was not saved"
        assert "VBox(" not in json.dumps(saved)
        files = [path.read_text("utf-8") for path in self.jupyter.work.rglob(f"*{self.name}*")]
        secrets = [secret for secret in self.wiretap.heard for text in files if secret in text]
        addresses = [
            found for text in files for found in re.findall(r"[?&;](?:code|state)=[^\"\\]{0,9}", text)
        ]
        return secrets + addresses


def fill_in(tab: Page, button: str) -> None:
    tab.get_by_label("Username").fill(ADA.username)
    tab.get_by_label("Password").fill(ADA.password)
    tab.get_by_role("button", name=button).click()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[AppName, Jupyter]]:
    """Both servers, which start side by side: tests come in any order."""
    names: tuple[AppName, ...] = ("lab", "notebook")
    servers = {name: Jupyter(name, tmp_path_factory.mktemp(name)) for name in names}
    try:
        for server in servers.values():
            server.wait()
        yield servers
    finally:
        for server in servers.values():
            server.stop()


@pytest.fixture(scope="module")
def context(chromium: Any) -> Iterator[BrowserContext]:
    """A person's browser, which keeps what it has loaded."""
    context: BrowserContext = chromium.new_context()
    yield context
    context.close()


@pytest.fixture(params=["lab", "notebook"])
def jupyter(servers: dict[AppName, Jupyter], request: pytest.FixtureRequest) -> Jupyter:
    app: AppName = request.param
    return servers[app]


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": keys(sandbox)})
        yield sandbox


def keys(sandbox: Sandbox, **changed: Any) -> dict[str, Any]:
    """Return the profile's keys."""
    return {**sandbox.profiles()["aventus"], "login_timeout": 60, **changed}


@pytest.fixture
def desk(jupyter: Jupyter, context: BrowserContext, sandbox: Sandbox, tmp_path: Path) -> Iterator[Desk]:
    """A person at a notebook. After every test that opened one, its file holds no secret."""
    lab = [page for page in context.pages if jupyter.app == "lab" and page.url.startswith(jupyter.url)]
    page = lab[0] if lab else context.new_page()
    page.set_default_timeout(LIMIT)
    if not lab:
        page.on("dialog", lambda dialog: dialog.accept())  # an unsaved notebook is left
    desk = Desk(jupyter, page, tmp_path, sandbox)
    try:
        yield desk
        found = desk.found_in_files()
    finally:
        page.screenshot(path=tmp_path / "last.png")
        desk.notebook.close()
        for tab in context.pages:
            if tab is not page and not tab.url.startswith(jupyter.url):
                tab.close()
    assert found == []


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
    """Deny is told in the tab and in the panel; Log in again and Log out do what they say."""
    notebook = desk.open(BUTTON, ASK_BUTTON)
    notebook.run(1)
    tab = desk.follow_link()
    fill_in(tab, "Deny")
    tab.get_by_role("heading", name="The login failed").wait_for()
    desk.panel.get_by_text("access_denied").wait_for()
    assert desk.link.count() == 0
    desk.button("Log in again").click()
    desk.link.wait_for()
    assert desk.panel.get_by_text("access_denied").count() == 0
    desk.log_in()
    desk.says(LOGGED_IN)
    desk.button("Log out").click()
    desk.says("Not logged in")
    assert "revoke" in [record.endpoint for record in desk.sandbox.journal]
    notebook.run(2)
    assert "LoginRequired" in notebook.text(2)
    desk.button("Log in again").wait_for()


def test_an_interrupted_cell_leaves_the_panel_alive(desk: Desk) -> None:
    """An interrupt ends the wait at once; what is pasted then logs in, and the cell gives the session."""
    notebook = desk.open(GET_SESSION, ASK_SESSION)
    notebook.start(1)
    desk.link.wait_for()
    before = time.monotonic()
    notebook.interrupt()
    notebook.join(1)
    assert time.monotonic() - before < 3
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
def test_the_keyboard_is_enough(desk: Desk) -> None:
    """Tab reaches the link, the paste box and the buttons in this order, each has a name, Enter works."""
    from playwright.sync_api import expect

    notebook = desk.open(BUTTON)
    notebook.run(1)
    desk.link.wait_for()
    expect(desk.link).to_have_accessible_name(re.compile("Log in"))
    expect(desk.paste_box).to_have_accessible_name(re.compile("[Aa]ddress"))
    notebook.cell(1).focus()
    for _ in range(12):
        desk.page.keyboard.press("Tab")
        if desk.link.evaluate("node => node === document.activeElement"):
            break
    expect(desk.link).to_be_focused()
    with desk.page.context.expect_page() as opened:
        desk.page.keyboard.press("Enter")
    tab = opened.value
    tab.get_by_label("Username").wait_for()
    tab.close()
    desk.page.bring_to_front()
    desk.link.focus()
    desk.page.keyboard.press("Tab")
    expect(desk.paste_box).to_be_focused()
    desk.page.wait_for_timeout(2500)  # the countdown goes on, and takes the focus from nobody
    expect(desk.paste_box).to_be_focused()
    address = desk.address()
    desk.page.keyboard.insert_text(address)
    desk.page.keyboard.press("Enter")
    desk.says(LOGGED_IN)
    desk.button("Log out").focus()
    desk.page.keyboard.press("Enter")
    desk.says("Not logged in")
    expect(desk.panel.locator("[role=status]").first).to_contain_text("Not logged in")


# The contrast of a text's colour with what is behind it (WCAG 2.2, 1.4.3).
CONTRAST = """node => {
  const pen = document.createElement('canvas').getContext('2d');
  const parts = colour => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = rgb => {
    const [r, g, b] = rgb.slice(0, 3).map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = node;
  while (behind && parts(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
  const ground = light(behind ? parts(getComputedStyle(behind).backgroundColor) : [255, 255, 255]);
  const ink = light(parts(getComputedStyle(node).color));
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}"""


@only_lab
def test_both_themes(desk: Desk, tmp_path: Path) -> None:
    """Every text stands out from its ground in the light and in the dark theme; pictures to look at."""
    notebook = desk.open(BUTTON)
    notebook.run(1)
    pale: list[str] = []

    def look(state: str) -> None:
        for theme in ("dark", "light"):
            notebook.dark(theme == "dark")
            desk.page.wait_for_timeout(300)  # the colours fade over
            notebook.cell(1).screenshot(path=tmp_path / f"{desk.jupyter.app}-{theme}-{state}.png")
            for node in desk.panel.locator("[class^=aventus-creds-], button").all():
                # The countdown replaces its text each second, perhaps while it is measured: then once more.
                contrast = max(node.evaluate(CONTRAST) for _ in "12")
                pale.extend([f"{theme}, {state}: {node.inner_text()!r}, {contrast:.1f}"] * (contrast < 4.5))

    desk.link.wait_for()
    look("waiting")
    address = desk.address()
    desk.paste("http://127.0.0.1/callback?code=x&state=y")
    desk.panel.get_by_role("alert").wait_for()
    look("wrong-paste")
    desk.paste(address)
    desk.says(LOGGED_IN)
    look("logged-in")
    desk.button("Log out").click()
    desk.button("Log in again").wait_for()
    look("not-logged-in")
    assert pale == []


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
    desk.button("Log in again").wait_for()
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
