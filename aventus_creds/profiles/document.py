"""One TOML file with profiles: the user's own, or one that it includes."""

from __future__ import annotations

import codecs
import os
import re
import stat
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from aventus_creds.basics.files import LARGEST_FILE, open_file, read_at_most
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.owners import weakness
from aventus_creds.errors import Problem, ProfilesFileError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.secrets import warn


class Document:
    """A file, parsed. Nothing in it is checked yet.

    Args:
        path: the path of the file.
        text: its content.
        status: the result of fstat, or None if the text is not from a file.
        label: what messages call the file. None means its name.
        included: whether it is included by the user's own file, so that others may have written it.

    ``fault`` is the error if the text is not valid TOML, for whoever has no secret of it in a variable to raise.
    """

    def __init__(
        self,
        path: Path,
        text: str,
        status: os.stat_result | None = None,
        *,
        label: str | None = None,
        included: bool = False,
    ) -> None:
        self.path = path
        self.text = text
        self.status = status
        self.label = path.name if label is None else label
        self.included = included
        self.data: dict[str, Any] = {}
        self.fault = self._load()
        self.profiles = self.table("profiles")

    def _load(self) -> ProfilesFileError | None:
        try:
            self.data = parsed(self.text)
        except (ValueError, RecursionError) as fault:  # a huge number or deep nesting is no TOMLDecodeError
            return self._no_toml(str(fault))
        return None

    def _no_toml(self, fault: str) -> ProfilesFileError:
        """Return the error for a text in which the parser has found ``fault``."""
        from aventus_creds.profiles.advice import syntax_advice  # most files are TOML

        lines = self.text.split("\n")
        end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end of the file"
        what = fault.replace("at end of document", end)
        place = re.search(r"at line ([0-9]+), column ([0-9]+)", what)
        line, column = map(int, place.groups()) if place else (0, 0)
        advice = syntax_advice(lines[line - 1]) if line else ""
        message = f"{self.label}: this is not valid TOML: {what}{advice and '; '}{advice}"
        error = ProfilesFileError(message, hint=f"The file is {self.path}")
        error.line, error.column, error.advice = line, column, advice
        return error

    def table(self, key: str) -> dict[str, Any]:
        """Return the table ``key`` at the top, or an empty one if there is none."""
        found = self.data.get(key)
        return found if isinstance(found, dict) else {}

    def line(self, path: tuple[str, ...]) -> int:
        """Return the line of the key at ``path``, counted from 1."""
        from aventus_creds.profiles.lines import line_of

        return line_of(self.text, path)

    def problem(self, path: tuple[str, ...], what: str) -> Problem:
        """Return what is wrong with the key at ``path``, as a problem with its line."""
        return Problem(self.label, self.line(path), ".".join(map(fit_to_show, path)), what)


@lru_cache(maxsize=8)
def parsed(text: str) -> dict[str, Any]:
    """Parse ``text`` and cache the result, which callers must not change. Raises what tomllib raises."""
    return tomllib.loads(text)


def read_text(path: Path) -> tuple[Hidden[str], os.stat_result]:
    """Return the content of ``path``, and the result of fstat for it.

    Raises:
        FileNotFoundError: there is no such file.
        ProfilesFileError: the file cannot be read, is too large, or is not UTF-8 text.
    """
    try:
        content, status = _read(path)
    except FileNotFoundError:
        raise
    except OSError as fault:
        raise ProfilesFileError(f"{path} cannot be read: {fault.strerror or fault}") from None
    try:
        return Hidden(content.reveal().decode("utf-8").removeprefix("\ufeff")), status
    except UnicodeDecodeError as fault:
        wrong = fault.start
    # Raised outside the except clause, because a UnicodeDecodeError holds the content of the file.
    if content.reveal().startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ProfilesFileError(
            f"{path} is UTF-16 text, as some shells of Windows write it with >",
            hint="Save it as UTF-8: an editor can do that.",
        )
    raise ProfilesFileError(f"{path} is not UTF-8 text (byte {wrong})")


def _read(path: Path) -> tuple[Hidden[bytes], os.stat_result]:
    descriptor = open_file(path)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise ProfilesFileError(f"{path} cannot be read: it is {what}")
        content = Hidden(read_at_most(descriptor, LARGEST_FILE + 1))
    finally:
        os.close(descriptor)
    if len(content.reveal()) > LARGEST_FILE:
        raise ProfilesFileError(f"{path} is larger than {LARGEST_FILE} bytes")
    return content, status


def several(name: str, homes: list[Document]) -> Problem:
    """Return that several files have a profile of this name."""
    first, *others = homes
    path = ("profiles", name)
    where = " and ".join(f"{other.label}:{other.line(path)}" for other in others)
    return first.problem(path, f"there is another one at {where}: rename one of them")


def warn_of_weakness(document: Document) -> None:
    """Warn with InsecureFileWarning of what other users can do with the file."""
    if document.status and (found := weakness(document.path, document.status)):
        warn(*found)
