"""Changes profiles.toml. What is not meant to change stays, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import tomli_w

from aventus_creds.basics.files import make_folders, read_file, replace_file
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import profiles_path, state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import ConfigError, ProfilesFileError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.profile import Profile


@contextmanager
def changing() -> Iterator[Path]:
    """Hold the lock of profiles.toml, and return its path. Without it, one of two simultaneous changes is lost."""
    with PrivateFolder(state_folder() / "tokens").lock("profiles"):
        yield profiles_path()


def append(name: str, table: dict[str, Any], start: bytes = b"") -> Path:
    """Append a profile to profiles.toml.

    Args:
        name: its name.
        table: its keys.
        start: what the file begins with if there is none yet.

    Returns:
        The path of the file.

    Raises:
        ConfigError: there is a profile of this name, or this one has mistakes. Nothing is written.
    """
    with changing() as path:
        refuse_taken(path, name)
        before = Hidden(content(path) or start)
        appended(path, before, name, table)
        replace(path, Hidden(_joined(before, name, table)))
    return path


def refuse_taken(path: Path, name: str) -> None:
    """Raise ConfigError if there is a profile of this name already."""
    if path.exists() and name in (file := read_profiles(path)).names:
        raise ConfigError(
            f"there is a profile {fit_to_show(name)} already", hint=f"Edit it in {file.place(name)}"
        )


def appended(path: Path, before: Hidden[bytes], name: str, table: dict[str, Any]) -> Profile:
    """Return the checked profile as it would be if it were appended to ``before``. Raises ProfileError."""
    return ProfilesFile(path, _joined(before, name, table).decode("utf-8-sig")).profile(name)


def _joined(before: Hidden[bytes], name: str, table: dict[str, Any]) -> bytes:
    addition = as_toml(name, table)
    there = before.reveal()
    separator = b"" if not there else b"\n" if there.endswith(b"\n") else b"\n\n"
    if b"\r\n" in there:  # an editor of Windows has written it
        separator, addition = (part.replace(b"\n", b"\r\n") for part in (separator, addition))
    return there + separator + addition


def content(path: Path) -> bytes:
    """Return what is in ``path``, or nothing if there is no such file."""
    try:
        return read_file(path)
    except FileNotFoundError:
        return b""
    except OSError as fault:
        raise ProfilesFileError(f"{path} cannot be read: {fault.strerror or fault}") from None


def as_toml(name: str, table: dict[str, Any]) -> bytes:
    """Return a profile as TOML, each key in a line of its own, so that the next one can be added below.

    Raises:
        click.UsageError: no file can hold it.
    """
    try:
        head = tomli_w.dumps({"profiles": {name: {}}})
        return (head + "".join(f"{_bare(key)} = {_inline(value)}\n" for key, value in table.items())).encode()
    except (UnicodeEncodeError, RecursionError):
        raise click.UsageError("the NAME or a VALUE is no text that a TOML file can hold") from None


def _inline(value: Any) -> str:
    """Return ``value`` in one line: tomli_w gives each table within another a head of its own."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_bare(key)} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")


def _bare(key: str) -> str:
    """Return a key, quoted if it must be."""
    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def replace(path: Path, content: Hidden[bytes]) -> None:
    """Replace ``path`` with ``content`` atomically and keep its mode."""
    try:
        # Keep a symbolic link a link: dotfiles are often kept elsewhere, maybe on another file system.
        path = path.resolve()
        make_folders(path.parent)
        replace_file(path, content, path.stat().st_mode & 0o777 if path.exists() else 0o600)
    except OSError as fault:
        raise ProfilesFileError(f"{path} cannot be written: {fault.strerror or fault}") from None
