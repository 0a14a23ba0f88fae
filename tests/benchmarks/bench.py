"""The setup of the benchmarks: the server process, a folder with profiles and tokens, and the installed peers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

import tomli_w

from .certificates import write_certificate
from .measure import Cost, Failed, run
from .peers import FILES, FLOOR, HAND, OURS

HERE = Path(__file__).parent


class Bench:
    """Runs programs in fresh processes, with the surroundings that they need."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self.folder = folder
        self.pairs = pairs
        self.peers = [FLOOR, OURS, HAND]
        self.absent: dict[str, str] = {}  # the peers that are not measured, and why
        self.environment = {
            **{name: value for name, value in os.environ.items() if not _disturbing(name)},
            "HOME": str(folder),
            "AVENTUS_CREDS_PROFILES": str(folder / "profiles.toml"),
            "AVENTUS_CREDS_STATE_DIR": str(folder / "state"),
            # Where Python cannot write what it has compiled, or may not, it compiles again at each start.
            "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        }

    def __enter__(self) -> Self:
        """Start the server, and write the profile ``prod`` and its token, for http and for https."""
        server, self.bundle = write_certificate(self.folder)
        self._server = subprocess.Popen(
            [sys.executable, HERE / "server.py", server],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout
        ports = [int(self._server.stdout.readline()) for _ in range(2)]
        plain, secure = (
            f"{scheme}://127.0.0.1:{port}" for scheme, port in zip(("http", "https"), ports, strict=True)
        )
        for name in self.peers:
            self.place(name).mkdir()
        for self.url in (secure, plain):
            self.write_profiles("profiles.toml", {"prod": self.profile()})
            for name in self.peers:
                self.child("cache_token", name)
        self._plain, self._secure = plain, secure
        return self

    @contextmanager
    def secure(self) -> Iterator[None]:
        """Within the block, the server is asked by https, and its certificate is trusted beside certifi's."""
        self.url, self.environment["REQUESTS_CA_BUNDLE"] = self._secure, str(self.bundle)
        self.write_profiles("profiles.toml", {"prod": self.profile()})
        try:
            yield
        finally:
            self.url = self._plain
            del self.environment["REQUESTS_CA_BUNDLE"]
            self.write_profiles("profiles.toml", {"prod": self.profile()})

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=10)  # the server stops when its standard input ends

    def invite(self, names: Iterable[str]) -> None:
        """Add those of the peers ``names`` that are installed, and whose way works."""
        for name in names:
            self.place(name).mkdir()
            try:
                self.child("cache_token", name)
                self.cold(name)
            except Failed as why:
                self.absent[name] = str(why).splitlines()[-1]
            else:
                self.peers.append(name)

    def place(self, name: str) -> Path:
        """The folder of one peer's cache."""
        return self.folder / FILES[name]

    def profile(self, **keys: Any) -> dict[str, Any]:
        """Return the keys of a profile for the server."""
        endpoints = {"authorize_url": f"{self.url}/authorize", "token_url": f"{self.url}/token"}
        return {"client_id": "the-client", "api_url": self.url, **endpoints, **keys}

    def write_profiles(self, name: str, profiles: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(tomli_w.dumps({"profiles": profiles}), "utf-8")
        path.chmod(0o600)
        return path

    def token_requests(self) -> int:
        """Return how many token requests the server has had so far."""
        with urlopen(f"{self.url}/count") as answer:
            return int(answer.read())

    def python(self, code: str, *arguments: str, profiles: str = "") -> Cost:
        """Run ``code`` in a fresh interpreter."""
        environment = self.environment
        if profiles:
            environment = {**environment, "AVENTUS_CREDS_PROFILES": profiles}
        return run([sys.executable, "-c", code, *arguments], environment, str(self.folder))

    def cold(self, name: str, profiles: str = "") -> Cost:
        """Let a fresh process make one API call with a cached token."""
        return self.python(
            f"import sys; sys.path.append({str(HERE.parent)!r})\n"
            f"from benchmarks.peers.{FILES[name]} import caller\n"
            f"assert caller({str(self.place(name))!r}, {self.url!r})().status_code == 200",
            profiles=profiles,
        )

    def command(self, function: str, name: str, *arguments: object) -> list[str]:
        """Return the command that runs a function of ``children`` for one peer."""
        code = (
            f"import sys; sys.path.append({str(HERE.parent)!r})\n"
            f"from benchmarks import children; children.{function}(*sys.argv[1:])"
        )
        who = (FILES[name], str(self.place(name)), self.url)
        return [sys.executable, "-c", code, *who, *map(str, arguments)]

    def child(self, function: str, name: str, *arguments: object) -> Cost:
        """Run a function of ``children`` for one peer, in a fresh process."""
        return run(self.command(function, name, *arguments), self.environment, str(self.folder))

    def children(self, function: str, names: Iterable[str] | None = None) -> dict[str, Callable[[], Any]]:
        """Return, for each peer, what runs that function of ``children`` and returns its numbers."""

        def numbers(name: str) -> Any:
            return self.child(function, name).values

        return {name: partial(numbers, name) for name in names or self.peers}


def _disturbing(name: str) -> bool:
    return (
        name.startswith(("AVENTUS_CREDS_", "PYTHONPROFILE", "PYTHONSTARTUP"))
        or name.lower().endswith("_proxy")
        or name
        in {"NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONDEVMODE", "PYTHONDONTWRITEBYTECODE"}
    )
