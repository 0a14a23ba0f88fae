"""Nothing here draws from the generators that a user may have seeded: their results stay what they were."""

from __future__ import annotations

import pickle
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support import Seen, Sent, Web, make_token

from aventus_creds import get_session, get_token, login
from aventus_creds.basics import waits
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.opening import store_for
from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore

WriteProfiles = Callable[..., Path]


def states() -> list[bytes]:
    """Return the state of each generator that all of a program shares."""
    found = [pickle.dumps(random.getstate())]
    with suppress(ImportError):
        import numpy as np  # type: ignore[import-not-found, unused-ignore]

        found.append(pickle.dumps(np.random.get_state()))  # noqa: NPY002 - the one that users seed
    return found


@contextmanager
def nothing_drawn() -> Iterator[None]:
    before = states()
    yield
    assert states() == before


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were drawn at random; they are cut short."""
    drawn: list[float] = []
    draw = waits._generator().uniform

    class Generator:
        @staticmethod
        def uniform(least: float, most: float) -> float:
            drawn.append(draw(least, most))
            return drawn[-1] / 20

    monkeypatch.setattr(waits, "_generator", Generator)
    return drawn


def busy(then: dict[str, Any], times: int = 1) -> Callable[[Seen], Sent]:
    """Answer 503 so many times, then with ``then``."""
    left = [times]

    def answer(_: Seen) -> Sent:
        left[0] -= 1
        return Sent(503) if left[0] >= 0 else Sent(body=then)

    return answer


def write(web: Web, write_profiles: WriteProfiles) -> None:
    urls = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token", "api_url": web.url}
    write_profiles({"prod": {**urls, "client_id": "c", "retries": 3}})


def keep(**token: Any) -> None:
    profile = read_profiles().profile("prod")
    store = store_for(profile)
    with store.lock(profile.key):
        store.save(profile.key, make_token(**token))


def test_the_states_tell_who_draws() -> None:
    """What this file looks for, it sees."""
    before = states()
    random.random()
    assert states() != before


def test_a_login(write_profiles: WriteProfiles) -> None:
    """The sandbox of the client is in this process too, and draws as little."""
    with Sandbox() as sandbox:
        write_profiles({"prod": sandbox.profiles()["oidc"] | {"redirect_uri": "http://127.0.0.1:0/callback"}})
        with nothing_drawn():
            assert login("prod", browser=Robot()).access_token


def test_a_refresh_after_a_503(web: Web, write_profiles: WriteProfiles, spread: list[float]) -> None:
    write(web, write_profiles)
    keep(age=7200, refresh_token="r")
    web.answer = busy({"access_token": "new", "token_type": "Bearer", "expires_in": 3600})
    with nothing_drawn():
        assert get_token("prod", interactive=False).access_token == "new"
    assert len(web.seen) == 2
    assert spread


def test_a_request_that_is_tried_again(web: Web, write_profiles: WriteProfiles, spread: list[float]) -> None:
    write(web, write_profiles)
    keep()
    web.answer = busy({}, times=2)
    with nothing_drawn():
        assert get_session("prod", interactive=False).get("/things").status_code == 200
    assert len(web.seen) == 3
    assert spread


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_a_wait_for_a_lock(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Another store of the same place holds it, as another process does."""
    if kind == "redis":
        url, seal = request.getfixturevalue("redis_server").url, new_key()
        stores = [RedisStore(url, [seal], prefix=f"{tmp_path}:") for _ in range(2)]
    else:
        stores = [FileStore(tmp_path) for _ in range(2)]  # type: ignore[misc]
    held, waiting = stores
    taken = threading.Event()

    def wait() -> None:
        with waiting.lock("key"):
            taken.set()

    with nothing_drawn(), ThreadPoolExecutor(1) as pool:
        with held.lock("key"):
            done = pool.submit(wait)
            assert not taken.wait(0.3)
        done.result(10)
