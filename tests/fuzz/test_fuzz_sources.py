"""CachedSource against a model of a server whose refresh tokens rotate and whose families die of reuse."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from strategies import TRIED, tries
from support import make_profile

from aventus_creds.errors import (
    LifetimeTooShort,
    LoginRequired,
    NetworkError,
    NotSavedWarning,
    StoreError,
    TokenRefused,
)
from aventus_creds.sources import cached, newest, renewals, renewing, source
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.renewing import NobodySource
from aventus_creds.stores import TokenStore
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

START: Final = 1_700_000_000.0
PROFILE: Final = make_profile()


class Clock:
    """Stands in the place of ``time`` in the sources: it goes where the test wants it."""

    def __init__(self) -> None:
        self.now = START
        self.steady = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.steady


class Server:
    """Rotates refresh tokens. One that comes a second time ends its whole family (RFC 6819 section 5.2.2.3)."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.count = 0
        self.lifetime = 3600.0
        self.fault: Exception | None = None
        self.rotates = True
        self.used: set[str] = set()
        self.revoked: set[str] = set()  # families
        self.reused = False

    def log_in(self) -> Token:
        self.count += 1
        return self._token(f"family{self.count}")

    def _token(self, family: str, refresh_token: str | None = None) -> Token:
        self.count += 1
        return Token(
            f"access-{self.count}",
            obtained_at=self.clock.now,
            expires_at=self.clock.now + self.lifetime,
            refresh_token=refresh_token or f"{family}.{self.count}",
        )

    def refresh(self, refresh_token: str) -> Token:
        if self.fault:
            raise self.fault
        family = refresh_token.partition(".")[0]
        if refresh_token in self.used:
            self.reused = True
            self.revoked.add(family)
        if family in self.revoked:
            raise TokenRefused("dead", error="invalid_grant", status=400)
        if not self.rotates:
            return self._token(family, refresh_token)
        self.used.add(refresh_token)
        return self._token(family)


class ModelRefreshing:
    """RefreshingSource, with the model in the place of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        if stale is not None and stale.refresh_token:
            try:
                return self._server.refresh(stale.refresh_token)
            except TokenRefused as refusal:
                if refusal.error != "invalid_grant":
                    raise
        return NobodySource(PROFILE).token(stale, at_least)


class FailingStore:
    """A store whose disk can be full."""

    def __init__(self, inner: TokenStore) -> None:
        self._inner = inner
        self.full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def save(self, key: str, token: Token) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self._inner.save(key, token)


class Logins(RuleBasedStateMachine):
    """Several processes (sources) on one store, one server, one clock."""

    in_files = False
    used = Bundle("used")  # tokens that were given out

    def __init__(self) -> None:
        super().__init__()
        TRIED[0] += 1
        self.clock = Clock()
        self.server = Server(self.clock)
        self.folder = Path(tempfile.mkdtemp())
        self.store = FailingStore(FileStore(self.folder) if self.in_files else MemoryStore())
        self.sources = [self._source() for _ in range(3)]
        self.patch = pytest.MonkeyPatch()
        for room in (source, renewing, cached, newest, renewals):
            self.patch.setattr(room, "time", self.clock)
        self.patch.setattr(newest, "_first_seen", {})
        self.unsaved: int | None = None  # the source that alone knows the newest token
        self.logged_in = False
        self.given: set[str] = set()  # since the last logout

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.folder)

    def _source(self) -> CachedSource:
        return CachedSource("key", self.store, ModelRefreshing(self.server))

    def _who(self, number: int) -> int:
        """Where the newest token could not be stored, another process would reuse the refresh token: nobody can help
        that, so only the one that has it goes on."""
        return number if self.unsaved is None else self.unsaved

    @initialize()
    def first_login(self) -> None:
        self.log_in(0)

    @rule(number=st.integers(0, 2))
    def log_in(self, number: int) -> None:
        """A person logs in: what was there before is of no account any more."""
        number = self._who(number)
        token = self.server.log_in()
        with contextlib.suppress(StoreError):
            self.sources[number].keep(token)
        self.logged_in = True
        self.unsaved = number if self.store.full else None

    @rule(number=st.integers(0, 2))
    def log_out(self, number: int) -> None:
        number = self._who(number)
        self.sources[number].forget()
        self.sources = [
            self._source() for _ in range(3)
        ]  # another process keeps its token in memory, as it may
        self.logged_in, self.unsaved = False, None
        self.given.clear()

    @rule(seconds=st.sampled_from([1, 59, 600, 3540, 3601, 86400, -60, -5000]))
    def clock_moves(self, seconds: float) -> None:
        """Time passes, or somebody sets the clock back."""
        self.clock.now += seconds
        self.clock.steady += max(seconds, 0)

    @rule(fault=st.sampled_from([None, NetworkError("away"), TokenRefused("busy", error="", status=503)]))
    def network(self, fault: Exception | None) -> None:
        self.server.fault = fault

    @rule(lifetime=st.sampled_from([3600.0, 30.0, 86400.0]), rotates=st.booleans())
    def server_changes(self, lifetime: float, rotates: bool) -> None:  # noqa: FBT001 - drawn
        self.server.lifetime, self.server.rotates = lifetime, rotates

    @rule(full=st.booleans())
    def disk(self, full: bool) -> None:  # noqa: FBT001 - drawn
        self.store.full = full

    @rule()
    def server_ends_all_logins(self) -> None:
        self.server.revoked |= {f"family{number}" for number in range(self.server.count + 1)}

    @rule(number=st.integers(0, 2))
    def process_begins_anew(self, number: int) -> None:
        if self.unsaved is None:
            self.sources[number] = self._source()

    @rule(target=used, number=st.integers(0, 2), at_least=st.sampled_from([0, 0, 0, 60, 4000]))
    def ask(self, number: int, at_least: float) -> Token | None:
        return self._ask(number, None, at_least)

    @rule(number=st.integers(0, 2), stale=used)
    def api_refuses(self, number: int, stale: Token | None) -> None:
        if stale is not None and stale.access_token in self.given:
            token = self._ask(number, stale, 0)
            assert token is None or token.access_token != stale.access_token

    def _ask(self, number: int, stale: Token | None, at_least: float) -> Token | None:
        number, now, before = self._who(number), self.clock.now, self.server.count
        known = self.sources[number].peek()
        seen = self.sources[number]._newest.now()  # later than now where the clock was set back
        token: Token | None = None
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", NotSavedWarning)
                token = self.sources[number].token(stale, at_least)
        except LoginRequired:
            # Only where nobody logged in, or by the server's word.
            dead = (
                known and known.refresh_token and known.refresh_token.partition(".")[0] in self.server.revoked
            )
            assert not self.logged_in or dead
        except (NetworkError, TokenRefused) as fault:
            assert str(fault) == str(self.server.fault)  # noqa: PT017 - most calls raise nothing
        except LifetimeTooShort:
            assert at_least > self.server.lifetime - 1
        else:
            assert token is not None
            self.given.add(token.access_token)
            assert not token.expired(now)
            assert token.expires_at - now >= at_least
            assert bool(told) == (self.store.full and self.server.count > before)
        if self.server.count > before:  # a new token was made
            assert (
                known is None
                or not known.fresh(seen, at_least)
                or stale == known
                or (stale is not None and known.access_token == stale.access_token)
            )
            self.unsaved = number if self.store.full else None
        return token

    @invariant()
    def no_refresh_token_is_used_twice(self) -> None:
        assert not self.server.reused

    @invariant()
    def the_newest_token_is_known(self) -> None:
        if self.logged_in:
            newest = self.sources[self._who(0)].peek()
            assert newest is not None
            assert newest.refresh_token not in self.server.used


class LoginsInFiles(Logins):
    in_files = True


@pytest.mark.parametrize(("machine", "examples"), [(Logins, 20), (LoginsInFiles, 6)])
def test_logins_live_until_the_server_ends_them(machine: type[Logins], examples: int) -> None:
    """Whatever happens in whatever order: no refresh token twice, no login lost, no expired token given."""
    run_state_machine_as_test(machine, settings=tries(examples))  # type: ignore[no-untyped-call,unused-ignore]
