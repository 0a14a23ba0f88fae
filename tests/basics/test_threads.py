"""Ctrl-C in the moment in which Python's own wait has ended and has not got its lock back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from attempts import endpoints, log_in
from support import Sent, Web, make_profile, make_token

from aventus_creds.basics.threads import interruptible, started, wait_for
from aventus_creds.basics.waits import pause
from aventus_creds.notebook.outcome import Outcome as CellOutcome
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.oauth.transport import Transport
from aventus_creds.sources.renewals import Outcome, Renewal, Renewals


@contextmanager
def pressed() -> Iterator[None]:
    """Within the block, Ctrl-C reaches the first wait of this thread in that moment."""
    restore, here, left = threading.Condition._acquire_restore, threading.get_ident(), [1]  # type: ignore[attr-defined]

    def interrupted(self: threading.Condition, state: object) -> None:
        if threading.get_ident() == here and left:
            left.pop()
            raise KeyboardInterrupt
        restore(self, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Condition, "_acquire_restore", interrupted)
        yield
    assert not left, "there was no wait"


def test_a_wait_alone_hides_it() -> None:
    """This is what Python does: if it ever does not, all this can go."""
    with pressed(), pytest.raises(RuntimeError, match="release unlocked lock"):
        threading.Event().wait(0.01)


def test_it_is_itself() -> None:
    with pressed(), pytest.raises(KeyboardInterrupt) as caught, interruptible():
        threading.Event().wait(0.01)
    assert caught.value.__cause__ is None


def test_no_wait_is_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, Ctrl-C does not break into one, and a server may ask for minutes before the next try."""
    steps: list[float] = []
    wait = threading.Event.wait

    def counted(event: threading.Event, timeout: float | None = None) -> bool:
        steps.append(math.inf if timeout is None else timeout)
        return wait(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", counted)
    assert pause(0.5)
    assert max(steps) <= 0.2


def test_a_wait_ends_with_its_event_or_its_time() -> None:
    event = threading.Event()
    assert not wait_for(event, 0)
    assert not wait_for(event, 0.01)
    event.set()
    assert wait_for(event, 0)
    assert wait_for(event)


def test_other_errors_stay() -> None:
    """Also the same one of somebody who has really lost a lock."""
    with pytest.raises(RuntimeError, match="other"), interruptible():
        raise RuntimeError("other")
    with pytest.raises(RuntimeError, match="release unlocked lock"), interruptible():
        threading.Lock().release()


def test_a_thread_that_is_started_is_not_taken_for_none() -> None:
    """Or its work would be done a second time, here."""
    done = threading.Event()
    with pressed(), pytest.raises(KeyboardInterrupt):
        started(threading.Thread(target=done.set))
    assert done.wait(5)


def test_no_thread_is_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert not started(threading.Thread())


def test_a_request_is_sent_once(web: Web) -> None:
    """A code or refresh token that is sent twice may cost the login (RFC 6749 section 4.1.2)."""
    answered = threading.Event()

    def answer(_: object) -> Sent:
        answered.set()
        return Sent()

    web.answer = answer
    with pressed(), pytest.raises(KeyboardInterrupt):
        Transport(make_profile(token_url=f"{web.url}/t")).post(ServerRequest(f"{web.url}/t", {}, b"", ()))
    assert answered.wait(5)
    assert len(web.seen) == 1


def test_a_renewal_runs_once() -> None:
    done: list[Renewal] = []
    ended = threading.Event()

    def work(renewal: Renewal) -> Outcome:
        done.append(renewal)
        ended.set()
        return Outcome(make_token())

    with pressed(), pytest.raises(KeyboardInterrupt):
        Renewals().join(work)
    assert ended.wait(5)
    assert len(done) == 1


def wait_for_a_login() -> None:
    profile = make_profile(redirect_uri="http://127.0.0.1:0/callback", callback="loopback")
    log_in(profile, endpoints(), post=lambda _: pytest.fail("sent"), save=print, browser=lambda _: True)


@pytest.mark.parametrize(
    "wait",
    [
        wait_for_a_login,
        lambda: Renewal(lambda _: Outcome(None)).wait(1),
        lambda: CellOutcome().wait(),
        lambda: pause(1),
    ],
    ids=["a login", "a renewal", "a cell", "a pause"],
)
def test_every_wait_shows_it(wait: Callable[[], object]) -> None:
    with pressed(), pytest.raises(KeyboardInterrupt):
        wait()
