"""References to secrets: ``{ env | file | command | keyring }``, or the secret itself as text.

A secret is read again each time a request needs it, and is never cached. Some keys take further places, which only
oauth/places.py and sources/places.py can read: see token_places.py.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Final

from aventus_creds.basics.files import POSIX
from aventus_creds.basics.hidden import Hidden, Secretive, secret_field
from aventus_creds.basics.owners import Weakness, is_read_only
from aventus_creds.basics.places import expand
from aventus_creds.errors import InsecureFileWarning, SecretError

LARGEST_SECRET: Final = 65536
"""The longest secret in a file, in characters. Without a limit, reading a device would never end."""

COMMAND_TIMEOUT: Final = 60
"""Seconds that a command may take to print a secret."""

INSTALL_KEYRING: Final = "pip install 'aventus-creds[keyring]'"


class SecretRef(Secretive):
    """A reference to a secret, as a profile writes it. Its repr shows the place, never the secret.

    Args:
        kind: ``text``, ``env``, ``file``, ``command`` or ``keyring``; or a name of token_places.PLACES.
        value: the secret itself, the variable, the path, the command as a sequence, or the keyring service.
        username: the user name in the keyring; "" for the other kinds.
        base: the folder that a relative file or program starts from. None means the current folder.
        name: what to call the secret in messages.
        distrust: how other users can change the file that names the command. It is then not run.
        lines: whether it may have several lines, as a key has, or JSON.
    """

    __slots__ = ("_base", "_distrust", "_hidden_value", "_lines", "kind", "name", "username")

    instead = "read the profile in the other process"

    _value: Any = secret_field("_hidden_value")

    def __init__(
        self,
        kind: str,
        value: Any,
        *,
        username: str = "",
        base: Path | None = None,
        name: str = "client secret",
        distrust: Weakness | None = None,
        lines: bool = False,
    ) -> None:
        self.kind: Final = kind
        self.username: Final = username
        self.name: Final = name
        self._hidden_value = value
        self._base: Final = base or Path()
        self._distrust: Final = distrust
        self._lines: Final = lines

    @property
    def place(self) -> str:
        """Where the secret is, as text for messages. It never contains the secret."""
        if self.kind == "text":
            return "profiles.toml"
        if self.kind == "command":  # the arguments may contain secrets
            return f"the command {self._value[0]}"
        return {
            "env": "the environment variable {}",
            "file": "the file {}",
            "keyring": "the keyring entry {}",
            "oidc": "the CI's token for {}",
            "jupyterhub": "the hub's auth_state ({})",
            "profile": "the profile {}",
        }[self.kind].format(self._value)

    def __repr__(self) -> str:
        """Return the place, not the secret."""
        return f"<SecretRef in {self.place}>"

    def __eq__(self, other: object) -> bool:
        """Compare the places, so that profiles from two readings of the same file are equal."""
        return isinstance(other, SecretRef) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Hash the place, which __eq__ compares."""
        return hash(self._identity())

    def __copy__(self) -> SecretRef:
        """Return the reference itself: it is immutable."""
        return self

    def __deepcopy__(self, memo: object) -> SecretRef:
        """Return the reference itself: it is immutable."""
        return self

    def _identity(self) -> tuple[Any, ...]:
        return (self.kind, self._value, self.username, self._base, self.name)

    @property
    def named(self) -> str:
        """What the place is called: the variable, the file's whole path, the audience, the other profile …"""
        return str(self._base / expand(self._value) if self.kind == "file" else self._value)

    def of_lines(self, name: str) -> SecretRef:
        """Return the same reference to a text that may have several lines, called ``name`` in messages."""
        return self._but(name=name, lines=True)

    def relative_to(self, folder: Path) -> SecretRef:
        """Return the same reference, with a relative file or program starting from ``folder``."""
        return self._but(base=folder)

    def called(self, name: str) -> SecretRef:
        """Return the same reference, called ``name`` in messages instead of "client secret"."""
        return self._but(name=name)

    def distrusted(self, distrust: Weakness) -> SecretRef:
        """Return the same reference, which runs no command: other users may have written it."""
        return self._but(distrust=distrust)

    def _but(self, **changes: Any) -> SecretRef:
        same: dict[str, Any] = {
            "username": self.username,
            "base": self._base,
            "name": self.name,
            "distrust": self._distrust,
            "lines": self._lines,
        }
        return SecretRef(self.kind, self._value, **(same | changes))

    def read(self) -> str:
        """Return the secret, read from its place now.

        Warns with InsecureFileWarning if it is in a file that other users can read.

        Raises:
            SecretError: the secret cannot be read, is empty, or has several lines or control characters.
        """
        secret: Hidden[str] = Hidden(getattr(self, f"_read_{self.kind}")())
        if not secret.reveal():
            raise SecretError(f"the {self.name} in {self.place} is empty")
        if not (self._has_fit_lines(secret) if self._lines else secret.reveal().isprintable()):
            what = "control characters" if self._lines else "several lines, or control characters"
            raise SecretError(f"the {self.name} in {self.place} has {what}")
        return secret.reveal()

    @staticmethod
    def _has_fit_lines(secret: Hidden[str]) -> bool:
        return all(map(str.isprintable, secret.reveal().replace("\t", " ").splitlines()))

    def _read_text(self) -> str:
        return str(self._value)

    def _read_env(self) -> str:
        try:
            return os.environ[self._value]
        except KeyError:
            raise SecretError(
                f"the {self.name} is missing: {self.place} is not set",
                hint=f"Set {self._value} for this process, for example in the job's environment.",
            ) from None

    def _read_file(self) -> str:
        path = self._base / expand(self._value)
        try:
            with path.open(encoding="utf-8-sig") as file:
                warn_if_others_can_read(path, os.fstat(file.fileno()), self.name)
                secret = Hidden(file.read(LARGEST_SECRET + 1))
        except (OSError, UnicodeDecodeError) as fault:
            reason = _reason(fault)
        else:
            if len(secret.reveal()) <= LARGEST_SECRET:
                return secret.reveal().rstrip("\r\n")
            reason = "it is larger than any secret"
        raise SecretError(  # outside the except clause: a UnicodeDecodeError holds the content
            f"the {self.name}'s file {path} cannot be read: {reason}",
            hint="Write the secret alone into that file, as UTF-8 text, readable by you only.",
        )

    def _read_command(self) -> str:
        if self._distrust:
            raise SecretError(
                f"{self.place} is not run, because others may have written it: {self._distrust.what}",
                hint=f"If it is yours: {self._distrust.fix}",
            )
        import subprocess

        from aventus_creds.basics.programs import find_program

        try:
            program = find_program(self._value[0], self._base)
            done = Hidden(
                subprocess.run(  # noqa: S603 - the owner of the profile chose the program; no shell
                    [str(program), *self._value[1:]],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=COMMAND_TIMEOUT,
                    check=False,
                )
            )
            if not done.reveal().returncode:
                return done.reveal().stdout.decode("utf-8").rstrip("\r\n")
            what = f"failed with exit code {done.reveal().returncode}"
        except subprocess.TimeoutExpired:
            what = f"gave no {self.name} in {COMMAND_TIMEOUT} s"
        except UnicodeDecodeError:
            what = "printed something that is not UTF-8 text"
        except OSError as fault:
            what = f"cannot be started: {_reason(fault)}"
        # Raised outside the except clauses: those errors hold the output and the arguments of the command.
        raise SecretError(
            f"{self.place} {what}", hint=f"Run it by hand to see what is wrong: {self._value[0]} …"
        )

    def _read_keyring(self) -> str:
        import shlex

        try:
            import keyring
        except ImportError:
            raise SecretError(
                f"the {self.name} is in {self.place}, and the keyring library is not installed",
                hint=INSTALL_KEYRING,
            ) from None
        kind = ""
        try:
            secret = keyring.get_password(self._value, self.username)
        except Exception as fault:  # noqa: BLE001 - a backend raises what it likes, not only KeyringError
            kind = type(fault).__name__
        if kind:  # outside the except clause, and without the text: both may hold secrets
            raise SecretError(
                f"{self.place} cannot be read: {kind}",
                hint="Unlock the system's keyring, or name another place for the secret.",
            )
        if secret is None:
            raise SecretError(
                f"{self.place} has no secret for the user name {self.username!r}",
                hint=f"keyring set {shlex.quote(self._value)} {shlex.quote(self.username)}",
            )
        return str(secret)


def warn_if_others_can_read(path: Path, status: os.stat_result, what: str = "client secret") -> None:
    """Issue InsecureFileWarning if users other than the owner may read ``path`` (POSIX only).

    As in OpenSSH, only files of this user are judged: he did not choose the mode of another, such as a secret
    that is mounted for the root user and a group. Nor can he change it on a read-only mount.

    Args:
        path: the file, for the message.
        status: the result of fstat for the file.
        what: what secret the file holds, for the message.
    """
    if (
        POSIX
        and status.st_uid == os.geteuid()
        and status.st_mode & (stat.S_IRGRP | stat.S_IROTH)
        and not is_read_only(path)
    ):
        import shlex

        warn(
            f"{path} holds {'an' if what[0] in 'aeiou' else 'a'} {what} and can be read by others",
            f"chmod 600 {shlex.quote(str(path))}",
        )


def warn(what: str, fix: str) -> None:
    """Issue InsecureFileWarning: what others can do, and the command that ends it."""
    import warnings

    warnings.warn(f"{what}; fix: {fix}", InsecureFileWarning, stacklevel=3)


def _reason(fault: OSError | UnicodeDecodeError) -> str:
    return fault.strerror or type(fault).__name__ if isinstance(fault, OSError) else "it is not UTF-8 text"
