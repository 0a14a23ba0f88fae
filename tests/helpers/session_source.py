"""A source of tokens for the session, and an API that wants them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from support import Seen, Sent, Web, make_token

from aventus_creds.tokens import Token

# Tokens are made when they are asked for: later than the request that was refused.
FIRST, SECOND, THIRD = (
    make_token(f"token-{number}", age=-1000, refresh_token="refresh-me") for number in (1, 2, 3)
)


class Source:
    """A source with a row of tokens: each refusal brings the next. ``stale`` keeps what was refused."""

    def __init__(self, *tokens: Token | Exception) -> None:
        self._tokens = list(tokens)
        self.stale: list[Token] = []

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        if stale is not None:
            self.stale.append(stale)
            self._tokens.pop(0)
        if isinstance(self._tokens[0], Exception):
            raise self._tokens[0]
        return self._tokens[0]


def bearers(web: Web) -> list[str | None]:
    """Return the Authorization header of each request that ``web`` received."""
    return [seen.headers.get("Authorization") for seen in web.seen]


def redirecting(to: str, status: int = 302) -> Callable[[Seen], Sent]:
    """Redirect /start to ``to``; all else is answered with 200."""
    return lambda seen: Sent(status, headers={"Location": to}) if seen.path == "/start" else Sent()


def refusing(*refused: str, then: Sent = Sent()) -> Callable[[Seen], Sent]:  # noqa: B008 - immutable
    """Answer 401 to these tokens and to none at all, else as ``then`` says."""
    bad = {f"Bearer {token}" for token in refused} | {None}
    return lambda seen: Sent(401, b"no") if seen.headers.get("Authorization") in bad else then


class Once:
    """Renews a refused token once, whoever asks, as a cache does, and takes its time."""

    def __init__(self, seconds: float = 0) -> None:
        self._lock, self._token, self._seconds = threading.Lock(), FIRST, seconds
        self.renewed, self.threads = 0, set[int]()

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        self.threads.add(threading.get_ident())
        with self._lock:
            if stale is self._token:
                time.sleep(self._seconds)
                self._token, self.renewed = SECOND, self.renewed + 1
            return self._token
