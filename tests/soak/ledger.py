"""The soak's book about one rotating login: who used which refresh token, and why a login was lost.

A rotated refresh token that comes back is a login lost. It is the server's or the killer's doing when nobody
can ever have had the successor: its answer was lost on the way, or its worker was struck down before it had
stored it. Anything else is a fault of the client.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest import mock

from flask import Flask, g, request

from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.grants import RefreshGrant
from aventus_creds.sandbox.state import IssuedToken

AROUND = 5.0
"""Seconds: a request of a worker that was struck down may reach the server a little later."""


@dataclass
class Rotation:
    """A refresh that the server made: by whom, when, and what was given for it."""

    worker: str
    at: float
    successor: str = field(default="", repr=False)
    answer_lost: bool = False


@dataclass
class Loss:
    """A used refresh token came a second time: from whom, and when."""

    rotation: Rotation
    worker: str
    at: float


class Strike(NamedTuple):
    """A signal that was sent to a worker, and whether the login must outlive it."""

    worker: str
    at: float
    signal: str
    harmless: bool


class Ledger:
    """Kept at the server's own functions, where nothing is guessed. Times are seconds since the epoch."""

    def __init__(self) -> None:
        self.rotations: dict[str, Rotation] = {}
        self.losses: list[Loss] = []
        self._strikes: list[Strike] = []
        self._asking = ""
        self._known: set[str] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take note of every refresh in this process."""
        look_up, mark_used = RefreshGrant.authenticate_refresh_token, RefreshGrant.revoke_old_credential
        issue = RefreshGrant.issue_token

        def authenticate_refresh_token(grant: RefreshGrant, value: str) -> IssuedToken:
            self._asking = who = request.headers.get("User-Agent", "")
            self._known.add(value)
            token = grant.server.state.refresh_tokens.get(value)
            reused = token is not None and token.used_at is not None and not token.is_revoked()
            try:
                return look_up(grant, value)
            finally:
                if reused:
                    self.losses.append(Loss(self.rotations[value], who, time.time()))

        def issue_token(grant: RefreshGrant, user: Any, refresh_token: IssuedToken) -> Any:
            answer = issue(grant, user, refresh_token)
            g.successor = answer["refresh_token"]
            return answer

        def revoke_old_credential(grant: RefreshGrant, token: IssuedToken) -> None:
            mark_used(grant, token)
            who = request.headers.get("User-Agent", "")
            self.rotations[token.value] = g.rotation = Rotation(who, time.time(), g.successor)

        with mock.patch.multiple(
            RefreshGrant,
            authenticate_refresh_token=authenticate_refresh_token,
            issue_token=issue_token,
            revoke_old_credential=revoke_old_credential,
        ):
            yield

    def watch_answers(self, sandbox: Sandbox) -> None:
        """Take note of answers that ``sandbox``, which has not begun to answer, is going to lose."""

        app = sandbox._server.app
        assert isinstance(app, Flask)

        @app.after_request
        def note(response: Any) -> Any:
            if "rotation" in g:
                g.rotation.answer_lost = bool(g.get("journal_closed"))
            return response

    def next_worker(self, seconds: float) -> str:
        """Wait up to ``seconds`` for a refresh, and return whose it is, at the moment it arrives; else ""."""
        self._asking, until = "", time.monotonic() + seconds
        while not self._asking and time.monotonic() < until:
            time.sleep(0.001)
        return self._asking

    def stored(self, refresh_token: str | None) -> None:
        """Take note of what the store was seen to hold."""
        self._known.add(refresh_token or "")

    def struck(self, worker: str, signal: str, *, harmless: bool) -> None:
        """Take note that ``worker`` is about to get a signal. A second one in a short time is never harmless."""
        now = time.time()
        lately = any(worker == strike.worker and strike.at > now - AROUND for strike in self._strikes)
        self._strikes.append(Strike(worker, now, signal, harmless and not lately))

    def cause(self, loss: Loss) -> str:
        """Return why a login was lost; "" where it is the client's fault."""
        rotation = loss.rotation
        if rotation.successor in self._known:  # it had arrived, so it should have been used
            return ""
        if rotation.answer_lost:
            return "answer lost"
        if any(
            strike.worker == rotation.worker
            and not strike.harmless
            and rotation.at - AROUND < strike.at <= loss.at
            for strike in self._strikes
        ):
            return "holder killed"
        return ""

    def story(self, loss: Loss) -> str:
        """Return what is known of a loss, in one line."""
        rotation = loss.rotation
        strikes = [
            f"{strike.signal} at {strike.at - rotation.at:+.2f} s"
            for strike in self._strikes
            if strike.worker == rotation.worker
        ]
        seen = "was" if rotation.successor in self._known else "was never"
        return (
            f"{rotation.worker} refreshed, got {', '.join(strikes) or 'no signal'}; {loss.worker} used the old"
            f" token at {loss.at - rotation.at:+.2f} s; the new one {seen} seen"
        )
