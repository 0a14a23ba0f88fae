"""The system's keyring as entries of text under names: which one, what it can hold, and what its errors mean."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeVar

from aventus_creds.basics.forks import ForkLock
from aventus_creds.errors import AventusCredsError, ConfigError, StoreError
from aventus_creds.profiles.secrets import INSTALL_KEYRING

SERVICE: Final = "aventus-creds"

WAIT: Final = 60.0
"""Seconds for one load, save or delete. The keyring may ask for its password, and nobody be there to see it."""

LIMITS: Final = {"keyring.backends.Windows": 1280}
"""Characters in one entry, by the backend's module. Windows: CRED_MAX_CREDENTIAL_BLOB_SIZE, 2560 bytes of UTF-16.

Nothing is known of a limit of the Secret Service, KWallet or the macOS keychain.
"""

LOCKED: Final = {"KeyringLocked", "LockedException", "PromptDismissedException"}
"""The errors, or their causes, of a keyring that asked for its password in vain."""

GONE: Final = {
    "NoKeyringError",
    "SecretServiceNotAvailableException",
    "FileNotFoundError",
    "ConnectionRefusedError",
}
"""The errors, or their causes, where no keyring runs, or no D-Bus."""

INSTEAD: Final = 'or keep tokens in files: store = "file" in profiles.toml, or AVENTUS_CREDS_STORE=file.'
NO_KEYRING: Final = f"Start the desktop's keyring (Linux: a Secret Service on D-Bus), {INSTEAD}"

_turn: Final = ForkLock()

T = TypeVar("T")


class _Abandoned(Exception):
    """Nobody waits for the work any more."""


class Entries:
    """The entries of this package in one backend. Each method may raise any error: ``with_entries`` explains it."""

    def __init__(self, backend: Any, given_up: threading.Event) -> None:
        module = type(backend).__module__
        self._backend = backend
        self._given_up = given_up
        self.limit: Final = LIMITS.get(module)
        """Characters that one entry can hold; None where there is no limit."""
        self.replaces_whole: Final = not module.startswith("keyring.backends.macOS")
        """Whether an entry is replaced at once: on macOS it is deleted and made anew."""
        self._windows = module == "keyring.backends.Windows"

    def get(self, name: str) -> str | None:
        """Return the entry ``name``, or None where there is none."""
        for last in (False, False, True):
            try:
                text: str | None = self._asked(self._backend.get_password, name)
            except UnicodeDecodeError:  # somebody else's bytes: damaged, like any other text that is no token
                return ""
            except Exception as fault:
                # The library finds an item of a Secret Service first and reads it then: it was deleted in between.
                if last or type(fault).__name__ != "ItemNotFoundException":
                    raise
            else:
                return text
        raise AssertionError("the last one raises")

    def set(self, name: str, text: str) -> None:
        """Put ``text`` in place of the entry ``name``."""
        try:
            self._asked(self._backend.set_password, name, text)
        except UnicodeDecodeError:  # Windows: the library reads what it replaces
            self._asked(self._backend.delete_password, name)
            self._asked(self._backend.set_password, name, text)
        # Windows: the library puts what it replaces aside, as USER@SERVICE, and finds it there once the entry is gone.
        aside = f"{name}@{self._service(name)}"
        if self._windows and self._backend.get_password(aside, name) is not None:
            self._backend.delete_password(aside, name)

    def delete(self, name: str) -> None:
        """Remove the entry ``name``, if it is there: also where a Secret Service holds it several times."""
        for _ in range(5):
            if self.get(name) is None:
                return
            self._asked(self._backend.delete_password, name)
        raise StoreError("the system's keyring does not delete an entry", hint=f"Delete {name} by hand.")

    def _asked(self, method: Callable[..., Any], name: str, *text: str) -> Any:
        if self._given_up.is_set():
            raise _Abandoned
        return method(self._service(name), name, *text)

    def _service(self, name: str) -> str:
        # On Windows the names of one service take turns in one place, which is a race between processes that
        # save different names: each could bring an old token of the other up again.
        return f"{SERVICE}/{name}" if self._windows else SERVICE


def with_entries(work: Callable[[Entries], T]) -> T:
    """Return what ``work`` makes of the keyring. Raises StoreError or ConfigError, which hold nothing secret.

    Some backends are not safe in several threads, so one works at a time. Where ``WAIT`` seconds are not
    enough, ``work`` stops before its next step.
    """
    library = _library()
    found: list[T] = []
    failed: list[AventusCredsError] = []
    given_up = threading.Event()

    def run() -> None:
        if not _turn.acquire(WAIT):
            return
        try:
            found.append(work(Entries(_backend(library), given_up)))
        except AventusCredsError as error:
            failed.append(error.with_traceback(None))
        except Exception as fault:  # noqa: BLE001 - D-Bus's, Windows' and macOS' own errors leak through the library
            failed.append(_explained(fault))
        finally:
            _turn.release()

    thread = threading.Thread(target=run, daemon=True, name="aventus-creds keyring")
    try:
        thread.start()
    except RuntimeError:  # at the end of the interpreter no thread starts any more
        run()
    else:
        try:
            thread.join(WAIT)
        finally:
            given_up.set()
    if found:
        return found[0]
    raise (
        failed[0]
        if failed
        else StoreError(
            f"the system's keyring gave no answer in {WAIT:.0f} s: does it ask for its password somewhere?",
            hint=f"Unlock it and try again, {INSTEAD}",
        )
    )


def _library() -> ModuleType:
    try:
        import keyring
    except ImportError:
        raise ConfigError(
            "tokens are to be kept in the system's keyring, and the keyring library is not installed",
            hint=INSTALL_KEYRING,
        ) from None
    return keyring


def _backend(library: ModuleType) -> Any:
    """Return the backend that keeps what is saved. Raises ConfigError where it would not be kept, or in the clear."""
    try:
        chosen = library.get_keyring()
    except Exception as fault:  # noqa: BLE001 - whatever the import of a module named by somebody raises
        kind = type(fault).__name__
        chosen = None
    if chosen is None:
        raise ConfigError(
            f"the keyring library cannot load the backend it is told to use: {kind}",
            hint="Check PYTHON_KEYRING_BACKEND and the file that `keyring diagnose` names.",
        )
    if type(chosen).__module__ == "keyring.backends.chainer":
        # Its first one keeps what is saved. The chain itself finds nothing, without an error, when that one is gone.
        chosen = next(iter(chosen.backends), None)
    name = f"{type(chosen).__module__}.{type(chosen).__qualname__}"
    if chosen is None or name.startswith("keyring.backends.fail."):
        raise ConfigError("there is no keyring on this system, or none can be reached", hint=NO_KEYRING)
    if name.startswith("keyring.backends.null."):
        raise ConfigError(
            "the keyring library is switched off: its null backend keeps nothing",
            hint=f"Unset PYTHON_KEYRING_BACKEND, or see `keyring diagnose`; {INSTEAD}",
        )
    if any("plaintext" in base.__name__.lower() for base in type(chosen).__mro__):
        # Who asks for the keyring asks for encryption. Our files are better kept than those of such a backend.
        raise ConfigError(f"the keyring backend {name} keeps secrets unencrypted", hint=NO_KEYRING)
    return chosen


def _explained(fault: Exception) -> StoreError:
    kinds = {kind.__name__ for each in (fault, fault.__cause__) for kind in type(each).__mro__}
    if kinds & LOCKED:
        return StoreError(
            "the system's keyring is locked, and could not be unlocked",
            hint=f"Unlock it (log in to the desktop, or enter its password where it asks), {INSTEAD}",
        )
    if kinds & GONE:
        return StoreError("the system's keyring does not run any more", hint=NO_KEYRING)
    # The type alone: what such an error says is not ours to know, and may quote what it was given.
    return StoreError(
        f"the system's keyring failed: {type(fault).__name__}",
        hint=f"See that it runs and is unlocked, {INSTEAD}",
    )
