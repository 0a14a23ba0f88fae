"""The system's keyring as named texts: chooses the backend, knows its limits, explains its errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeVar

from aventus_creds.basics.forks import ForkLock
from aventus_creds.basics.threads import started, wait_for
from aventus_creds.basics.waits import waiting_for
from aventus_creds.errors import AventusCredsError, ConfigError, StoreError
from aventus_creds.profiles.secrets import INSTALL_KEYRING

SERVICE: Final = "aventus-creds"

WAIT: Final = 60.0
"""Seconds for one load, save or delete. The keyring may ask for its password while nobody is there to see it."""

LIMITS: Final = {"keyring.backends.Windows": 1280}
"""Characters in one entry, by the backend's module. Windows: CRED_MAX_CREDENTIAL_BLOB_SIZE, 2560 bytes of UTF-16.

No limit is known for the Secret Service, KWallet or the macOS keychain.
"""

LOCKED: Final = {"KeyringLocked", "LockedException", "PromptDismissedException"}
"""Errors, or causes of errors, that mean that the keyring asked for its password and did not get it."""

GONE: Final = {
    "NoKeyringError",
    "SecretServiceNotAvailableException",
    "FileNotFoundError",
    "ConnectionRefusedError",
}
"""Errors, or causes of errors, that mean that no keyring or no D-Bus is running."""

INSTEAD: Final = 'or keep tokens in files: store = "file" in profiles.toml, or AVENTUS_CREDS_STORE=file.'
NO_KEYRING: Final = f"Start the desktop's keyring (Linux: a Secret Service on D-Bus), {INSTEAD}"

_turn: Final = ForkLock()

T = TypeVar("T")


class _Abandoned(Exception):
    """The caller no longer waits for the work."""


class Entries:
    """The entries of this package in one backend. Methods may raise any error, which ``with_entries`` explains.

    Args:
        backend: the keyring library's backend.
        given_up: once it is set, each method ends the work instead of doing anything.
    """

    def __init__(self, backend: Any, given_up: threading.Event) -> None:
        module = type(backend).__module__
        self._backend = backend
        self._given_up = given_up
        self.limit: Final = LIMITS.get(module)
        """How many characters an entry can hold. None: no limit is known."""
        self.replaces_whole: Final = not module.startswith("keyring.backends.macOS")
        """Whether an entry is replaced in one step. On macOS it is deleted and created again."""
        self._windows = module == "keyring.backends.Windows"

    def get(self, name: str) -> str | None:
        """Return the text of the entry ``name``, or None if there is no such entry."""
        for last in (False, False, True):
            try:
                text: str | None = self._asked(self._backend.get_password, name)
            except UnicodeDecodeError:  # bytes of another program: damaged, like any text that is no token
                return ""
            except Exception as fault:
                # With a Secret Service, the library first finds an item and then reads it. It was deleted in
                # between.
                if last or type(fault).__name__ != "ItemNotFoundException":
                    raise
            else:
                return text
        raise AssertionError("the last one raises")

    def set(self, name: str, text: str) -> None:
        """Replace the entry ``name`` by ``text``, or create it."""
        try:
            self._asked(self._backend.set_password, name, text)
        except UnicodeDecodeError:  # Windows: the library reads the old entry first
            self._asked(self._backend.delete_password, name)
            self._asked(self._backend.set_password, name, text)
        # Windows: the library keeps the old text aside, as USER@SERVICE, and would find it after a delete.
        aside = f"{name}@{self._service(name)}"
        if self._windows and self._backend.get_password(aside, name) is not None:
            self._backend.delete_password(aside, name)

    def delete(self, name: str) -> None:
        """Remove the entry ``name`` if it exists. A Secret Service may hold it several times: remove them all."""
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
        # On Windows the library has one place for all names of a service, and moves entries in and out of it.
        # Two processes that save different names could then restore an old token of each other. So there,
        # each name gets its own service.
        return f"{SERVICE}/{name}" if self._windows else SERVICE


def with_entries(work: Callable[[Entries], T]) -> T:
    """Run ``work`` on the entries of the keyring and return its result.

    Some backends are not thread-safe, so only one ``work`` runs at a time. After WAIT seconds it is given up:
    it stops before its next step.

    Raises:
        StoreError: the keyring failed, is locked or did not answer in time. No message holds a secret.
        ConfigError: there is no keyring, it would not keep secrets safely, or the library is missing.
    """
    library = _library()
    found: list[T] = []
    failed: list[AventusCredsError] = []
    ended, given_up = threading.Event(), threading.Event()

    def run() -> None:
        if not _turn.acquire(WAIT):
            return
        try:
            found.append(work(Entries(_backend(library), given_up)))
        except AventusCredsError as error:
            failed.append(error.with_traceback(None))
        except Exception as fault:  # noqa: BLE001 - errors of D-Bus, Windows and macOS come through the library
            failed.append(_explained(fault))
        finally:
            _turn.release()
            ended.set()

    thread = threading.Thread(target=run, daemon=True, name="aventus-creds keyring")
    try:
        if started(thread):
            with waiting_for("the system's keyring"):
                wait_for(ended, WAIT)
        else:
            run()
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
    """Return the backend to save to. Raises ConfigError if it would not keep the text, or keep it unencrypted."""
    try:
        chosen = library.get_keyring()
    except Exception as fault:  # noqa: BLE001 - importing a module that the user names may raise anything
        kind = type(fault).__name__
        chosen = None
    if chosen is None:
        raise ConfigError(
            f"the keyring library cannot load the backend it is told to use: {kind}",
            hint="Check PYTHON_KEYRING_BACKEND and the file that `keyring diagnose` names.",
        )
    if type(chosen).__module__ == "keyring.backends.chainer":
        # A chain saves to its first backend. Use that one directly: if it stops, the chain finds nothing and
        # raises no error.
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
        # The keyring is chosen for its encryption. Without it, our own files are safer than those of such a
        # backend.
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
    # Show only the type, and the name that D-Bus gives an error: its text may quote the token.
    name = getattr(fault, "name", None)
    return StoreError(
        f"the system's keyring failed: {type(fault).__name__}{f' {name}' if isinstance(name, str) else ''}",
        hint=f"See that it runs and is unlocked, {INSTEAD}",
    )
