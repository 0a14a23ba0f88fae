"""Starts real Redis servers for tests: with a password, with TLS or as a cluster; restarts, freezes, kills them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from support import free_port, unavailable


def need_redis() -> None:
    """Skip the test where redis-server is missing; on CI, fail it."""
    if shutil.which("redis-server") is None:
        unavailable("redis-server is not installed")


def wait_until(reached: Callable[[], object]) -> None:
    """Wait until ``reached`` is true; fail the test where it never is."""
    give_up = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < give_up
        time.sleep(0.01)


class RedisServer:
    """A redis-server on a loopback port, in ``folder``, inside the ``with`` block.

    ``persist`` writes every change to disk before it is answered. ``tls`` is the certificate's file and its
    authority's. ``arguments`` are more of redis-server's own, ``port`` one that somebody counts on.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        password: str = "",
        persist: bool = False,
        tls: tuple[Path, Path] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        need_redis()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.host, self.port = host, port or free_port()
        scheme, user = ("rediss" if tls else "redis"), (f":{password}@" if password else "")
        options = f"?ssl_ca_certs={tls[1]}" if tls else ""
        self.url = f"{scheme}://{user}{host}:{self.port}/0{options}"
        ports = ["--port", str(self.port)]
        if tls:
            ports = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            ports += ["--tls-cert-file", str(tls[0]), "--tls-key-file", str(tls[0])]
            ports += ["--tls-ca-cert-file", str(tls[1])]
        self._command = [
            *("redis-server", "--bind", host, *ports, "--dir", str(folder), "--protected-mode", "no"),
            *(("--requirepass", password) if password else ()),
            *("--save", "3600 1" if persist else "", "--appendonly", "yes" if persist else "no"),
            *("--appendfsync", "always"),
            *arguments,
        ]
        if shutil.which("setpriv"):  # stop the server even if the test is killed
            self._command = ["setpriv", "--pdeathsig", "KILL", *self._command]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def admin(self) -> Any:
        """A connection that is not counted among the store's, and not sealed."""
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        give_up = time.monotonic() + 20
        while True:
            try:
                with self.admin as client:
                    client.ping()
            except RedisConnectionError:
                if self._process.poll() is not None or time.monotonic() > give_up:
                    pytest.fail((self.folder / "log").read_text()[-2000:])
                time.sleep(0.02)
            except RedisError:  # it answers, even if it refuses the command
                return
            else:
                return

    def kill(self) -> None:
        """Kill -9, frozen or not."""
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def restart(self, *, away: float = 0) -> None:
        """Kill it, and start it again after ``away`` seconds."""
        self.kill()
        time.sleep(away)
        self.start()

    def freeze(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def calls(self) -> dict[str, int]:
        """How often each command was called, by scripts too."""
        with self.admin as client:
            stats = client.info("commandstats")
        return {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}

    def forget_calls(self) -> None:
        with self.admin as client:
            client.config_resetstat()
