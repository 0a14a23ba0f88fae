"""What breaks under a running program: the disk, the locks, and the limits of the process.

``Late`` is a store that shows its changes late; ``Server`` is a token endpoint whose refresh tokens serve once.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from faulty_world import EXPIRED, Server, keep, posix_only
from support import make_token

from aventus_creds import get_token
from aventus_creds.errors import AventusCredsError, LoginRequired, NotSavedWarning, StoreError
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


# The disk


@posix_only
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_write_that_fails_at_any_step(
    step: str, code: int, profile: Profile, server: Server, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room, nothing is sent. If only the last step fails, the caller has the token and a warning."""
    old = keep(files, profile)
    source = cached_source(profile, files)
    real = getattr(os, step)

    def broken(path: Any, *rest: Any, **more: Any) -> Any:
        if step != "open" or str(path).endswith(".tmp"):
            failing(code)()
        return real(path, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, step, broken)
        if step == "replace":
            with pytest.warns(NotSavedWarning, match=os.strerror(code)):
                token = source.token()
            assert token.access_token == "a1"
        else:
            with pytest.raises(StoreError, match=f"{os.strerror(code)}.*nothing of it is used up"):
                source.token()
            assert server.refreshes == 0
            token = old
    assert files.load(profile.key) == old
    assert not list(files.path(profile.key).parent.glob("*.tmp"))
    assert source.token(stale=token).access_token == f"a{server.refreshes}"
    assert (stored := files.load(profile.key))
    assert stored.refresh_token == f"r{server.refreshes}"
    assert server.reuses == 0


def test_a_folder_that_became_a_file(profile: Profile, server: Server, files: FileStore) -> None:
    """It is an error of the store, nothing is sent to the server, and with the folder back the login goes on."""
    keep(files, profile)
    source = cached_source(profile, files)
    folder = files.path(profile.key).parent
    folder.rename(away := folder.with_name("away"))
    folder.write_text("a file")
    with pytest.raises(StoreError, match="AVENTUS_CREDS_STATE_DIR"):
        source.token()
    assert server.refreshes == 0
    folder.unlink()
    away.rename(folder)
    assert source.token().access_token == "a1"


@posix_only
def test_a_share_that_forgot_the_file(
    profile: Profile, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ESTALE (another machine has replaced it) is tried again; an error of the disk is told, and costs nothing."""
    token, real = keep(files, profile, make_token()), os.open
    faults = [errno.ESTALE, errno.ESTALE]

    def open_(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".json") and faults:
            failing(faults.pop())()
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", open_)
    assert files.load(profile.key) == token
    source = cached_source(profile, files)
    faults.append(errno.EIO)
    with pytest.raises(StoreError, match=os.strerror(errno.EIO)):
        source.token()
    assert source.token() == token


def test_half_a_file_is_read_once(profile: Profile, server: Server, files: FileStore) -> None:
    """A share that shows half of it costs one call and no login: nothing is put aside or asked for."""
    keep(files, profile)
    path = files.path(profile.key)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    source = cached_source(profile, files)
    with pytest.raises(LoginRequired):
        source.token()
    path.write_bytes(whole)
    assert source.token().access_token == "a1"
    assert server.reuses == 0


class Late(MemoryStore):
    """A store of which this machine sees each change only at the read after ``reads`` others."""

    def __init__(self, reads: int) -> None:
        super().__init__()
        self.behind: dict[str, Token] = {}
        self.reads = reads

    def load(self, key: str) -> Token | None:
        if self.reads and key in self.behind:
            self.reads -= 1
            return self.behind[key]
        return super().load(key)


@pytest.mark.parametrize("reads", [0, 1, 2])
def test_a_write_that_is_seen_late(reads: int, profile: Profile, server: Server) -> None:
    """Another machine has refreshed. Who sees that before, or only after the server's no, takes its token."""
    store = Late(reads)
    store.behind[profile.key] = make_token("a0", **EXPIRED, refresh_token="r0")
    keep(store, profile, make_token("a1", refresh_token="r1"))
    server.refreshes = 1
    assert cached_source(profile, store).token().access_token == "a1"
    assert server.reuses == (reads == 2)  # forgiven by servers that allow a moment for it


# Locks


@posix_only
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks(
    code: int, profile: Profile, server: Server, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error with what to do, and no lock that only looks like one. A fresh token needs none."""
    token = keep(files, profile, make_token("a0", refresh_token="r0"))
    monkeypatch.setattr("fcntl.flock", failing(code))
    source = cached_source(profile, files)
    assert source.token() == token
    for _ in range(2):
        with pytest.raises(StoreError, match=r"\.lock cannot be locked: ") as caught:
            source.token(stale=token)
        assert "AVENTUS_CREDS_STATE_DIR" in caught.value.hint
    assert server.refreshes == 0


# Limits


@posix_only
def test_no_file_can_be_opened(profile: Profile, server: Server, files: FileStore) -> None:
    """Each call is one of our errors, and with files again the login goes on."""
    import resource

    keep(files, profile, make_token("a0", refresh_token="r0"))
    source = cached_source(profile, files)
    token = source.token()
    token = source.token(stale=token)  # everything is loaded by now
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        for other, stale in ((source, token), (cached_source(profile, files), None)):
            with pytest.raises(AventusCredsError, match=os.strerror(errno.EMFILE)):
                other.token(stale=stale)
        assert source.token() == token
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert source.token(stale=token).access_token == "a2"
    assert server.reuses == 0


def test_no_thread_can_be_started(
    profile: Profile, server: Server, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is sent without one. The server of this test has its own threads' start back."""
    keep(files, profile)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("aventus-creds"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert get_token("prod", interactive=False).access_token == "a1"
    server.refreshes = 99
    with pytest.raises(LoginRequired):
        cached_source(profile, files).token(stale=get_token("prod"))
