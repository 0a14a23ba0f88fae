"""Starts a real Secret Service for tests: gnome-keyring on its own D-Bus session."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest
from support import unavailable

PASSWORD = b"the-keyrings-password"


class SecretService:
    """gnome-keyring-daemon, unlocked, inside the ``with`` block. ``environment`` is what its users need."""

    def __init__(self) -> None:
        missing = [
            name for name in ("gnome-keyring-daemon", "dbus-run-session") if shutil.which(name) is None
        ]
        if missing:
            unavailable(f"{' and '.join(missing)} not installed")
        # Not in pytest's folder, because the path of a socket in it could be too long for the system.
        self._place = tempfile.TemporaryDirectory(prefix="keyring-")
        self._folder = folder = Path(self._place.name)
        self._daemon: subprocess.Popen[bytes] | None = None
        hidden = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND")
        self.environment = {name: value for name, value in os.environ.items() if name not in hidden}
        places = ("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
        for name in places:
            self.environment[name] = str(folder / name.lower())
            (folder / name.lower()).mkdir(mode=0o700, parents=True)

    def __enter__(self) -> Self:
        with (self._folder / "log").open("ab") as log:
            # The session lives as long as its program, and that ends when we close the pipe.
            self._bus = subprocess.Popen(
                ["dbus-run-session", "--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
            )
        assert self._bus.stdout
        self.address = self._bus.stdout.readline().decode().strip()
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.address
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bus.communicate(timeout=10)  # first, or it starts another daemon for the next client
        self.stop()
        self._place.cleanup()

    def start(self) -> None:
        """Start the daemon, and wait until its keyring is open."""
        with (self._folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                ["gnome-keyring-daemon", "--replace", "--foreground", "--unlock", "--components=secrets"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environment,
            )
        assert self._daemon.stdin
        self._daemon.stdin.write(PASSWORD)
        self._daemon.stdin.close()
        give_up = time.monotonic() + 20
        while self.is_locked() is not False:
            if self._daemon.poll() is not None or time.monotonic() > give_up:
                pytest.fail((self._folder / "log").read_text()[-2000:])
            time.sleep(0.01)

    def stop(self) -> None:
        """End the daemon as a log-out does, frozen or not."""
        if self._daemon:
            self.thaw()
            self._daemon.terminate()
            self._daemon.wait(10)
            self._daemon = None

    def revive(self) -> bool:
        """Start the daemon again if it has ended by itself, or is just about to. Returns whether it had.

        D-Bus starts another one in its place, whose keyring is locked.
        """
        if self._daemon is None or (self._daemon.poll() is None and self.is_locked() is False):
            return False
        self._daemon.kill()
        self._daemon.wait(10)
        self.start()
        return True

    def freeze(self) -> None:
        assert self._daemon
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._daemon
        self._daemon.send_signal(signal.SIGCONT)

    def is_locked(self) -> bool | None:
        """Whether its keyring is locked; None where there is none yet."""
        import secretstorage
        from jeepney.bus_messages import message_bus
        from jeepney.io.blocking import Proxy, open_dbus_connection

        with closing(open_dbus_connection(self.address)) as connection:
            # If the service does not run, asking for it would start another one.
            if not Proxy(message_bus, connection).NameHasOwner("org.freedesktop.secrets")[0]:
                return None
            try:
                return bool(secretstorage.Collection(connection).is_locked())
            except secretstorage.ItemNotFoundException:
                return None

    def lock(self) -> None:
        """Lock the keyring, as a desktop does when its user leaves."""
        import secretstorage
        from jeepney.io.blocking import open_dbus_connection

        with closing(open_dbus_connection(self.address)) as connection:
            secretstorage.Collection(connection).lock()

    def names(self) -> set[str]:
        """The names of this package's entries."""
        import secretstorage
        from jeepney.io.blocking import open_dbus_connection

        with closing(open_dbus_connection(self.address)) as connection:
            found = secretstorage.Collection(connection).search_items({"service": "aventus-creds"})
            return {item.get_attributes()["username"] for item in found}

    def clear(self) -> None:
        """Delete this package's entries."""
        import secretstorage
        from jeepney.io.blocking import open_dbus_connection

        with closing(open_dbus_connection(self.address)) as connection:
            for item in secretstorage.Collection(connection).search_items({"service": "aventus-creds"}):
                item.delete()


def again_if_the_daemon_dies(test: Callable[..., None]) -> Callable[..., None]:
    """Let a test of many processes begin again where gnome-keyring itself has ended meanwhile.

    It aborts at times while several clients open sessions (its work items 190, 196 and 199). Nothing of ours can
    prevent that, and the test has then found out nothing.
    """

    @functools.wraps(test)
    def run(*, secret_service: SecretService, **named: Any) -> None:
        for last in (False, False, True):
            try:
                test(secret_service=secret_service, **named)
            except Exception:
                if not secret_service.revive() or last:
                    raise
            else:
                return

    return run
