from __future__ import annotations

import base64
import hashlib
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from attempts import (
    ACCESS_TOKEN,
    CODE,
    Login,
    Page,
    TokenEndpoint,
    endpoints,
    follow,
    log_in,
    make_login,
    state_of,
)
from support import make_profile

from aventus_creds.callbacks import Attempt, Reply
from aventus_creds.callbacks.console import ConsoleCallback
from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.callbacks.opening import open_callbacks
from aventus_creds.errors import (
    AventusCredsError,
    CallbackError,
    InvalidAnswer,
    LoginRefused,
    LoginTimeout,
    NetworkError,
    NotSavedWarning,
    SecretError,
    ServerError,
    StoreError,
    TokenRefused,
)
from aventus_creds.logins import login as login_module
from aventus_creds.logins.person import person_can_answer
from aventus_creds.oauth.answer import Answer
from aventus_creds.tokens import Token

URI = "http://127.0.0.1:8765/callback"
SECRET = "the-client-secret"


class RedirectedBrowser:
    """A browser that is redirected at once: it comes back with a code and the state it was given."""

    def __init__(self, **params: str) -> None:
        self.params = params or {"code": CODE}
        self.url = ""
        self.page: Page | None = None
        self.done = threading.Event()

    def __call__(self, url: str) -> None:
        self.url = url
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        self.page = follow(uri, urlencode({**self.params, "state": state_of(url)}))
        self.done.set()

    def shown(self) -> str:
        """Return the page's text, once the browser has it."""
        assert self.done.wait(5)
        assert self.page
        return self.page.body


def never_saved(_: Token) -> None:
    pytest.fail("a token was saved")


@pytest.fixture
def login() -> Login:
    """A real login under way, without callbacks."""
    return make_login(URI)


@pytest.fixture
def loopback_profile() -> Any:
    return make_profile(redirect_uri="http://127.0.0.1:0/callback", callback="loopback")


# --- log_in, with a listener and a browser


def test_log_in_returns_the_token_that_was_stored_before_the_page_came(loopback_profile: Any) -> None:
    """The whole way of one login; the verifier that is sent fits the challenge in the address."""
    browser, endpoint, saved = RedirectedBrowser(), TokenEndpoint(), list[Token]()

    def save(token: Token) -> None:
        assert browser.page is None
        saved.append(token)

    token = log_in(loopback_profile, endpoints(), post=endpoint, save=save, browser=browser)
    assert token.access_token == ACCESS_TOKEN
    assert saved == [token]
    assert "Logged in to prod." in browser.shown()
    [request] = endpoint.requests
    sent = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    asked = {name: values[0] for name, values in parse_qs(urlsplit(browser.url).query).items()}
    assert sent["code"] == CODE
    assert sent["redirect_uri"] == asked["redirect_uri"]
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]


def test_the_secrets_come_from_the_system(loopback_profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and verifier are what os.urandom gives, and enough of it."""
    monkeypatch.setattr(os, "urandom", lambda count: bytes([count]) * count)
    browser, endpoint = RedirectedBrowser(), TokenEndpoint()
    log_in(loopback_profile, endpoints(), post=endpoint, save=lambda _: None, browser=browser)
    [verifier] = parse_qs(endpoint.requests[0].body.decode())["code_verifier"]
    for text, count in ((state_of(browser.url), 32), (verifier, 96)):
        assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == bytes([count]) * count


@pytest.mark.parametrize(
    "fault",
    [
        NetworkError("the server cannot be reached"),
        TokenRefused("it said no", error="invalid_grant", status=400),
        InvalidAnswer("that is no OAuth"),
    ],
)
def test_a_fault_at_the_exchange_ends_the_login_with_it_and_the_page_says_so(
    loopback_profile: Any, fault: AventusCredsError
) -> None:
    """The same error for the program and for the person; nothing is stored."""
    browser, endpoint = RedirectedBrowser(), TokenEndpoint()
    endpoint.fault = fault
    with pytest.raises(AventusCredsError) as caught:
        log_in(loopback_profile, endpoints(), post=endpoint, save=never_saved, browser=browser)
    assert caught.value is fault
    assert "The login failed" in browser.shown()
    assert fault.message in browser.shown()


def test_the_servers_no_ends_the_login_and_the_page_says_so(loopback_profile: Any) -> None:
    """An error redirect with the right state is the end (RFC 6749 section 4.1.2.1)."""
    browser, endpoint = RedirectedBrowser(error="access_denied", error_description="not you"), TokenEndpoint()
    with pytest.raises(LoginRefused, match="access_denied: not you") as caught:
        log_in(loopback_profile, endpoints(), post=endpoint, save=never_saved, browser=browser)
    assert caught.value.error == "access_denied"
    assert "access_denied: not you" in browser.shown()
    assert endpoint.requests == []


def test_a_token_that_cannot_be_stored_is_returned_with_a_warning(loopback_profile: Any) -> None:
    """The person has logged in: that is not thrown away, and the page tells the truth."""

    def save(_: Token) -> None:
        raise StoreError("the disk is full")

    browser = RedirectedBrowser()
    with pytest.warns(NotSavedWarning, match="the disk is full"):
        token = log_in(loopback_profile, endpoints(), post=TokenEndpoint(), save=save, browser=browser)
    assert token.access_token == ACCESS_TOKEN
    assert "Logged in to prod. It could not be stored" in browser.shown()


def test_every_callback_is_closed_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, loopback_profile: Any
) -> None:
    """Also when one cannot start, and when a second Ctrl-C breaks into the closing of another."""
    closed = []

    class Stubborn:
        redirect_uri = URI

        def __init__(self, name: str) -> None:
            self.name = name

        def start(self, attempt: Attempt) -> None:
            if self.name == "second":
                raise CallbackError("it cannot start")

        def close(self) -> None:
            closed.append(self.name)
            raise KeyboardInterrupt

    monkeypatch.setattr(
        login_module,
        "open_callbacks",
        lambda *_: [Stubborn("first"), Stubborn("second"), Stubborn("third")],
    )
    with pytest.raises(KeyboardInterrupt):
        log_in(loopback_profile, endpoints(), post=TokenEndpoint(), save=never_saved)
    assert sorted(closed) == ["first", "second", "third"]


# --- LoginAttempt


def test_the_first_accepted_redirect_wins(login: Login) -> None:
    """Another code, or the server's no, after that changes nothing: it gets the first one's reply."""
    first = login.attempt.deliver(login.query("first"))
    assert first == Reply(ended=True, success=True, text="Logged in to prod.")
    assert login.attempt.deliver(login.query("second")) == first
    assert login.attempt.deliver(f"error=access_denied&state={state_of(login.attempt.url)}") == first
    login.attempt.fail(CallbackError("too late"))
    assert len(login.endpoint.requests) == len(login.saved) == 1
    assert b"code=first" in login.endpoint.requests[0].body
    assert login.attempt.result() is login.saved[0]


def test_two_threads_that_deliver_at_once_exchange_once(login: Login) -> None:
    """The listener and the terminal, or a browser that sends the request twice."""
    login.endpoint.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def deliver(number: int) -> Reply:
            barrier.wait(5)
            return login.attempt.deliver(login.query(f"code-{number}"))

        replies = [pool.submit(deliver, number) for number in range(8)]
        assert login.endpoint.reached.wait(5)
        time.sleep(0.05)
        assert not login.attempt.ended.is_set()
        login.endpoint.gate.set()
        assert {reply.result(5) for reply in replies} == {Reply(True, True, "Logged in to prod.")}
    assert len(login.endpoint.requests) == len(login.saved) == 1


def test_a_forgery_meanwhile_does_not_wait_and_does_not_end_it(login: Login) -> None:
    """A wrong state is refused even while the right redirect is being dealt with."""
    login.endpoint.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        right = pool.submit(login.attempt.deliver, login.query())
        assert login.endpoint.reached.wait(5)
        forged = login.attempt.deliver("error=access_denied&state=wrong")
        assert not forged.ended
        login.endpoint.gate.set()
        assert right.result(5).success
    assert login.attempt.result().access_token == ACCESS_TOKEN


@pytest.mark.parametrize("query", ["code=x&state=\ud800", "code=\ud800&state={state}"])
def test_half_a_character_is_refused_and_the_wait_goes_on(login: Login, query: str) -> None:
    """Windows consoles and JSON hand over lone surrogates, which cannot be encoded."""
    pasted = query.format(state=state_of(login.attempt.url))
    assert not login.attempt.deliver(pasted).ended
    assert login.attempt.deliver(login.query()).success


def test_another_issuer_ends_the_login() -> None:
    """RFC 9207: the right state from the wrong server is an attack, and nothing is sent there."""
    login = make_login(URI, issuer="https://as.example.com")
    reply = login.attempt.deliver(login.query(iss="https://evil.example.com"))
    assert (reply.ended, reply.success) == (True, False)
    with pytest.raises(InvalidAnswer, match="another issuer"):
        login.attempt.result()
    assert login.endpoint.requests == []


def test_a_missing_secret_ends_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret is read when the code is exchanged, and not before."""
    monkeypatch.setenv("THE_SECRET", SECRET)
    profile = make_profile(redirect_uri=URI, client_secret={"env": "THE_SECRET"})
    login = make_login(URI, profile)
    monkeypatch.delenv("THE_SECRET")
    assert "THE_SECRET" in login.attempt.deliver(login.query()).text
    with pytest.raises(SecretError, match="THE_SECRET"):
        login.attempt.result()


@pytest.mark.parametrize("fault", [OSError, RuntimeError, KeyError, ValueError])
def test_a_fault_of_the_store_that_it_should_not_have_is_a_warning_too(
    login: Login, fault: type[Exception]
) -> None:
    """A store of the user's own may raise anything; the login must neither hang nor be lost."""

    def save(token: Token) -> None:
        raise fault(token.access_token)

    login.attempt._save = save
    assert "could not be stored" in login.attempt.deliver(login.query()).text
    with pytest.warns(NotSavedWarning, match=rf"store failed \({fault.__name__}\)"):
        assert login.attempt.result().access_token == ACCESS_TOKEN


def test_a_fault_that_nobody_foresaw_ends_the_login(login: Login) -> None:
    """It is named, without its text, which could hold anything."""
    login.endpoint.fault = ZeroDivisionError(CODE)
    reply = login.attempt.deliver(login.query())
    assert (reply.ended, reply.success) == (True, False)
    with pytest.raises(ServerError, match="unexpectedly") as caught:
        login.attempt.result()
    assert "ZeroDivisionError" in caught.value.message


# --- the time limit


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        *(
            ({"provider": "athoc", "base_url": "https://athoc.example.com", "org_code": "acme"}, hint)
            for hint in ("org_code", "a client that was made in another organisation")
        ),
        ({}, "redirect_uri must be registered"),
    ],
)
def test_the_timeout_says_what_to_check(keys: dict[str, str], hint: str) -> None:
    """AtHoc shows a bare page for a wrong organisation and never redirects back."""
    login = make_login(URI, make_profile(redirect_uri=URI, login_timeout=0.1, **keys))
    started = time.monotonic()
    with pytest.raises(LoginTimeout, match=r"the login to prod within 0\.1 s") as caught:
        login.attempt.result()
    assert 0.05 < time.monotonic() - started < 1
    assert hint in caught.value.hint
    late = login.attempt.deliver(login.query())
    assert not late.success
    assert login.endpoint.requests == []


def test_a_redirect_in_time_counts_though_the_exchange_takes_longer() -> None:
    """The person was in time; how slow the server is, is for the transport's own time limit."""
    login = make_login(URI, make_profile(redirect_uri=URI, login_timeout=0.1))
    login.endpoint.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        reply = pool.submit(login.attempt.deliver, login.query())
        assert login.endpoint.reached.wait(5)
        result = pool.submit(login.attempt.result)
        time.sleep(0.4)
        assert not result.done()
        login.endpoint.gate.set()
        assert reply.result(5).success
        assert result.result(5).access_token == ACCESS_TOKEN


def test_the_time_limit_never_waits_for_the_exchange_in_one_piece(login: Login) -> None:
    """On Windows, Ctrl-C does not break into the wait for a lock."""
    login.endpoint.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(login.attempt.deliver, login.query())
        assert login.endpoint.reached.wait(5)
        started = time.monotonic()
        login.attempt._time_out()
        assert time.monotonic() - started < 1
        assert not login.attempt.ended.is_set()
        login.endpoint.gate.set()
        assert reply.result(5).success


# --- secrets


def _fail_with(error: Exception) -> Callable[[Token], None]:
    def save(_: Token) -> None:
        raise error

    return save


def _arrange(login: Login, trouble: str, everything: str) -> str:
    """Prepare the trouble, with ``everything`` in whatever a server or a library says; return the query."""
    endpoint = login.endpoint
    match trouble:
        case "refused":
            endpoint.answer = Answer(400, "text/plain", f"rejected: {everything}".encode())
        case "no oauth":
            endpoint.answer = Answer(200, "text/html", everything.encode())
        case "network":
            endpoint.fault = NetworkError("the connection broke")
        case "unforeseen":
            endpoint.fault = RuntimeError(everything)
        case "store":
            login.attempt._save = _fail_with(StoreError("full"))
        case "store unforeseen":
            login.attempt._save = _fail_with(RuntimeError(everything))
        case "denied":
            return urlencode(
                {
                    "error": "denied",
                    "error_description": everything,
                    "state": state_of(login.attempt.url),
                }
            )
        case "forged":
            return f"code={CODE}&state=wrong"
    return login.query()


TROUBLES = ["refused", "no oauth", "network", "unforeseen", "store", "store unforeseen", "denied", "forged"]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_message_holds_a_secret(trouble: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Not the code, state, verifier, nonce, client secret or token, even where somebody repeats them."""
    profile = make_profile(redirect_uri=URI, client_secret=SECRET, scope="openid")
    login = make_login(URI, profile)
    authorization = login.attempt._authorization
    secrets = [authorization._state, authorization._verifier, authorization._nonce]
    if trouble != "denied":  # then the server has been told no secret, and there is no code
        secrets += [CODE, SECRET]
    if trouble not in {"denied", "refused"}:  # then there is no token
        secrets += [ACCESS_TOKEN]
    assert all(len(secret) > 8 for secret in secrets)
    said = repr(login.attempt) + repr(authorization)
    said += login.attempt.deliver(_arrange(login, trouble, " ".join(secrets))).text
    login.attempt.fail(CallbackError("the end, if it is not there yet"))
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        try:
            said += repr(login.attempt.result())
        except AventusCredsError as error:
            said += repr(error) + "".join(traceback.format_exception(error))
    said += "".join(str(warning.message) for warning in issued) + "".join(capfd.readouterr())
    assert "prod" in said
    for secret in secrets:
        assert secret not in said


# --- which callbacks serve a profile


def _opened(**keys: Any) -> list[tuple[type, bool, bool]]:
    keys.setdefault("redirect_uri", "http://127.0.0.1:0/callback")
    with ExitStack() as stack:
        callbacks = open_callbacks(make_profile(**keys), None)
        for callback in callbacks:
            stack.callback(callback.close)
        assert len({callback.redirect_uri for callback in callbacks}) == 1
        assert not callbacks[0].redirect_uri.endswith(":0/callback") or keys["callback"] == "paste"
    return [(type(c), getattr(c, "_paste", False), getattr(c, "_alone", False)) for c in callbacks]


def test_a_profile_decides_how_the_redirect_comes_back() -> None:
    """Listen and paste together by default; paste alone where nothing here can be listened on."""
    listening = (LoopbackCallback, False, False)
    both = [listening, (ConsoleCallback, True, False)]
    pasting = [(ConsoleCallback, True, True)]
    public = "https://hub.example.com/callback"
    assert _opened(callback="auto") == both
    assert _opened(callback="loopback") == [listening, (ConsoleCallback, False, False)]
    assert _opened(callback="paste") == pasting
    assert _opened(redirect_uri=public) == pasting
    assert _opened(redirect_uri=[public, "http://127.0.0.1:0/callback"]) == both
    assert _opened(redirect_uri="https://127.0.0.1:8765/callback") == pasting


def test_the_widget_is_for_notebooks() -> None:
    """A terminal cannot show it: the error names what serves both."""
    with pytest.raises(CallbackError, match="for notebooks") as caught:
        open_callbacks(make_profile(redirect_uri=URI, callback="widget"), None)
    assert 'callback = "auto"' in caught.value.hint


@pytest.mark.parametrize(
    ("terminals", "answer"), [("stdin stderr", True), ("stdin", False), ("stderr stdout", False)]
)
def test_a_person_can_answer_at_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch,
    terminals: str,
    answer: bool,  # noqa: FBT001 - the expected value
) -> None:
    """They must be able to read what is asked, and to answer; standard output may go anywhere."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, SimpleNamespace(isatty=lambda name=name: name in terminals))
    assert person_can_answer() is answer
    monkeypatch.setattr(sys, "stdin", None)
    assert person_can_answer() is False
