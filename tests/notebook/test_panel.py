"""The login in a notebook, without a browser: the background login and the panel that shows it."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from support import free_port

from aventus_creds import LoginButton, LoginRequired, login
from aventus_creds.errors import LoginRefused, LoginTimeout, ProfileNotFound
from aventus_creds.logins.person import front_end_can_answer
from aventus_creds.notebook.background import BackgroundLogin
from aventus_creds.notebook.paste import log_in_by_paste
from aventus_creds.notebook.registry import _logins
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store

WriteProfiles = Callable[..., Path]


@pytest.fixture
def sandbox(write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr("aventus_creds.notebook.watching.TICK", 0.05)
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 20}})
        yield sandbox
        for login in list(_logins.values()):
            login._watchers.clear()  # nobody looks at a panel any more, which ends the thread that looks after it


@pytest.fixture
def button(sandbox: Sandbox) -> Iterator[LoginButton]:
    """A button that waits for the person. Its listener is closed afterwards."""
    button = LoginButton("prod")
    wait_for(button, "waiting")
    yield button
    end(button._login)


def end(login: BackgroundLogin) -> None:
    if attempt := login._attempt:
        attempt.fail(LoginTimeout("the test is over"))
    if login._running:
        login._running.join(5)


def wait_for(button: LoginButton, state: str) -> None:
    until(lambda: button._login.state == state)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def texts(button: LoginButton) -> str:
    """Everything that the panel's traits hold."""
    return " ".join(
        str(getattr(child, "value", ""))
        for child in (*button.children, button._paste, button._link, button._notice, button._help)
    )


def test_one_click_and_the_redirect(button: LoginButton) -> None:
    """The link goes to the login at once; after the redirect the panel says who is in and until when."""
    assert "Not logged in to prod" in button._status.value
    assert "Waiting for the login, 0:" in button._time.value
    assert 'target="_blank"' in button._link.value
    Robot().browse(button._login.url)
    wait_for(button, "in")
    until(lambda: "Logged in to prod</b> <span>as ada until" in button._status.value)
    assert button._out in button.children
    assert button.session.get("/v1/me").status_code == 200


def test_pasting(button: LoginButton) -> None:
    """A wrong address is refused with the reason, the right one works, and neither stays in a trait."""
    address = Robot().redirect_address(button._login.url)
    button._paste.value = address.replace("state=", "state=x")
    until(lambda: "That was not it: the address has another state" in button._notice.value)
    assert button._login.state == "waiting"
    assert button._paste.value == ""
    button._paste.value = address
    wait_for(button, "in")
    until(lambda: "Logged in" in button._status.value)
    assert "code=" not in texts(button)


def test_nothing_secret_stays(button: LoginButton) -> None:
    """After the login no trait, repr or bundle holds address, state, code or token."""
    url = button._login.url
    state = url.partition("state=")[2].partition("&")[0]
    Robot().browse(url)
    wait_for(button, "in")
    until(lambda: "Logged in" in button._status.value)
    token = button._login.token
    assert token
    kept = texts(button) + repr(button) + str(button.with_plain_link()) + str(button.bundle())
    for secret in (state, url, token.access_token):
        assert secret not in kept
    assert repr(button) == "<LoginButton prod: logged in>"


def test_a_refusal_and_once_more(button: LoginButton) -> None:
    """Deny: the panel says so and offers to log in again, which works."""
    Robot(allow=False).browse(button._login.url)
    wait_for(button, "out")
    until(lambda: "access_denied" in button._notice.value)
    with pytest.raises(LoginRefused):
        button._login._outcome.wait()
    with pytest.raises(LoginRequired):
        _ = button.session
    button._again.click()
    wait_for(button, "waiting")
    Robot().browse(button._login.url)
    wait_for(button, "in")


def test_log_out(button: LoginButton, sandbox: Sandbox) -> None:
    """Revoked and forgotten; the panel offers to log in again."""
    Robot().browse(button._login.url)
    wait_for(button, "in")
    button._out.click()
    wait_for(button, "out")
    until(lambda: button._again in button.children)
    assert default_store().load(read_profiles().profile("prod").key) is None
    assert any(record.endpoint == "revoke" for record in sandbox.journal)


def test_several_buttons_are_one_login(button: LoginButton) -> None:
    """They share the listener's port, and all change."""
    other = LoginButton("prod")
    assert other._login is button._login
    told: list[Any] = []
    other.on_login(told.append)
    Robot().browse(button._login.url)
    until(lambda: "Logged in" in other._status.value and "Logged in" in button._status.value)
    until(lambda: told)
    assert told[0].get("/v1/me").status_code == 200


def test_a_login_in_another_process_is_noticed(button: LoginButton, sandbox: Sandbox) -> None:
    """Somebody logs in from a terminal: the panel takes it, and its listener is closed."""
    code = "import sys; from aventus_creds import login; from aventus_creds.sandbox.robot import Robot\n"
    keys = {**sandbox.profiles()["aventus"], "redirect_uri": f"http://127.0.0.1:{free_port()}/callback"}
    sandbox.register(keys["redirect_uri"])
    import tomli_w

    other = Path(read_profiles().path).with_name("other.toml")
    other.touch(mode=0o600)
    other.write_text(tomli_w.dumps({"profiles": {"prod": keys}}))
    url = button._login.url
    subprocess.run(
        [sys.executable, "-c", f"{code}login('prod', profiles={str(other)!r}, browser=Robot())"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    wait_for(button, "in")
    until(lambda: button._login._running and not button._login._running.is_alive())
    callback = unquote(url.partition("redirect_uri=")[2].partition("&")[0])
    with pytest.raises(requests.ConnectionError):
        requests.get(callback, timeout=2)


def test_a_cached_token_needs_no_click(sandbox: Sandbox) -> None:
    """A button for a profile that is logged in shows so at once."""
    login("prod", browser=Robot())
    button = LoginButton("prod")
    wait_for(button, "in")
    assert sandbox.logins("aventus-pkce") == 1


def test_expiry_is_shown(sandbox: Sandbox) -> None:
    """When the login expires, the panel says so and offers another."""
    sandbox.token_lifetime = 1
    login("prod", browser=Robot())
    button = LoginButton("prod")
    wait_for(button, "in")
    wait_for(button, "out")
    until(lambda: "expired" in button._notice.value and button._again in button.children)


def test_the_time_limit(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """Nobody comes: the link goes, and logging in again is offered."""
    write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 0.3}})
    button = LoginButton("prod")
    wait_for(button, "out")
    until(lambda: "nobody finished the login" in button._notice.value and not button._link.value)


def test_a_profile_with_mistakes(sandbox: Sandbox) -> None:
    """It is said when the button is made."""
    with pytest.raises(ProfileNotFound):
        LoginButton("stage")


def test_panels_are_let_go(sandbox: Sandbox) -> None:
    """A cell that is run again leaves nothing behind once its widget is closed."""
    login("prod", browser=Robot())
    button = LoginButton("prod")
    wait_for(button, "in")
    background = weakref.ref(button._login)
    button.close()
    del button
    import ipywidgets

    ipywidgets.Widget.close_all()
    deadline = time.monotonic() + 5
    while background() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.05)
    assert background() is None


@pytest.mark.parametrize(
    ("parent", "allowed", "expected"),
    [
        ({"content": {"allow_stdin": True}}, False, True),
        ({"content": {"allow_stdin": False}}, True, False),
        ({"content": {}}, True, True),
        ({}, False, False),
        (None, True, True),
    ],
)
def test_whether_a_front_end_can_answer(parent: Any, allowed: Any, expected: Any) -> None:
    """Each cell says it; an older kernel keeps it elsewhere."""

    class Kernel:
        _allow_stdin = allowed

        def get_parent(self, channel: str) -> Any:
            assert channel == "shell"
            return parent

    assert front_end_can_answer(Kernel()) is expected


def test_the_plain_way(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without widgets: a link, a hidden question that is asked again, and an address that does not stay."""
    shown: list[Any] = []
    updated: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: shown.append(bundle))
    monkeypatch.setattr("IPython.display.update_display", lambda bundle, **_: updated.append(bundle))
    answers: list[str] = []
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        if not answers:
            url = shown[0]["text/plain"].split(": ")[1]
            answers.extend(["nonsense", Robot().redirect_address(url)])
        return answers.pop(0)

    monkeypatch.setattr("getpass.getpass", ask)
    token = log_in_by_paste("prod")
    assert token == default_store().load(read_profiles().profile("prod").key)
    assert "That isn't the address your browser ended at" in questions[1]
    assert updated == [{"text/plain": ""}]
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    with pytest.raises(LoginTimeout, match="nothing was pasted"):
        log_in_by_paste("prod")


def test_magics(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """%load_ext aventus_creds gives %aventus_login and %aventus_status."""
    from IPython.core.error import UsageError
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]
    shell.run_line_magic("load_ext", "aventus_creds")
    shell.run_line_magic("aventus_status", "")
    assert "not logged in" in capsys.readouterr().out
    login("prod", browser=Robot())
    button = shell.run_line_magic("aventus_login", "prod")
    assert isinstance(button, LoginButton)
    wait_for(button, "in")
    with pytest.raises(UsageError, match="usage"):
        shell.run_line_magic("aventus_login", "a b")
    shell.history_manager.end_session()
    if saving := shell.history_manager.save_thread:
        saving.stop()


def test_the_link_stays_after_a_wrong_paste(button: LoginButton) -> None:
    """The login still waits, so the person can open it once more; its end removes the link."""
    first = button._login.url
    button._paste.value = "nonsense"
    until(lambda: "the address your browser ended at" in button._notice.value)
    assert 'role="alert"' in button._notice.value
    assert "href" in button._link.value
    assert button._link in button.children
    assert button._login.url == first
    Robot().browse(first)
    wait_for(button, "in")
    until(lambda: not button._link.value and not button._notice.value)


def test_whoever_waits_goes_on_waiting_when_it_is_begun_anew(button: LoginButton) -> None:
    """A cell that waits for the login is not woken by "Log in again", but by the login."""
    got: list[Any] = []
    outcome = button._login.begin()  # joins
    waiting = threading.Thread(target=lambda: got.append(outcome.wait()))
    waiting.start()
    first = button._login.url
    button._login.begin_anew()
    until(lambda: button._login.url not in {"", first})
    assert waiting.is_alive()
    Robot().browse(button._login.url)
    waiting.join(5)
    assert got == [button._login.token]


def test_an_edited_profile_is_taken(
    button: LoginButton, sandbox: Sandbox, write_profiles: WriteProfiles
) -> None:
    """A redirect URI that was corrected serves when the cell is run again, though the first panel is still there."""
    other = f"http://127.0.0.1:{free_port()}/callback"
    sandbox.register(other)
    write_profiles({"prod": {**sandbox.profiles()["aventus"], "redirect_uri": other, "login_timeout": 20}})
    again = LoginButton("prod")
    until(lambda: unquote(again._login.url).count(other))
    Robot().browse(again._login.url)
    until(lambda: "Logged in" in again._status.value and "Logged in" in button._status.value)


def test_a_login_that_renews_itself_does_not_expire(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """At its expiry the token is refreshed, and the panel goes on saying who is logged in."""
    write_profiles({"prod": {**sandbox.profiles()["athoc"], "login_timeout": 20}})
    sandbox.token_lifetime = 1
    login("prod", browser=Robot())
    sandbox.token_lifetime = 100
    button = LoginButton("prod")
    first = default_store().load(read_profiles().profile("prod").key)
    until(lambda: button._login.token not in {None, first})
    wait_for(button, "in")
    until(lambda: "then renewed" in button._status.value)
    assert button.session.get("/v1/me").status_code == 200
