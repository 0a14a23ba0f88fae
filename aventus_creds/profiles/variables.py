"""Environment variables in a profile: ``{ env = "NAME" }`` for a text, and ``${NAME}`` inside one."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final

from aventus_creds.profiles.checks import Mistake, fit_to_show
from aventus_creds.profiles.keys import all_keys

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")

_KEYS: Final = all_keys()


class Variables:
    """Puts the values of variables into the keys of one profile.

    ``mistakes`` has what is wrong with them. No mistake repeats a value: the wrong variable may hold a secret.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self._read: dict[str, dict[str, str]] = {}  # by key

    def fill(self, key: str, value: Any) -> Any:
        """Return the value of ``key`` with each reference replaced, or as it is where it takes no text."""
        if key not in _KEYS or _KEYS[key].kind.holds != "text":
            return value
        try:
            if _KEYS[key].kind.schema.get("type") == "object" and isinstance(value, dict):
                return {name: self._fill(key, item, (key, name)) for name, item in value.items()}
            return self._fill(key, value, (key,))
        except _Wrong as wrong:
            self.mistakes.append((wrong.path, str(wrong)))
            return value

    def _fill(self, key: str, value: Any, path: tuple[str, ...]) -> Any:
        match value:
            case {"env": str(name), **rest} if not rest:
                return self._get(key, name, path)
            case str():
                return _REFERENCE.sub(lambda found: self._replacement(key, found, path), value)
            case list():
                return [item if isinstance(item, list) else self._fill(key, item, path) for item in value]
        return value

    def _replacement(self, key: str, found: re.Match[str], path: tuple[str, ...]) -> str:
        if found[0] == "$${":
            return "${"
        if found[1] is None:
            raise _Wrong(path, "has ${ without a } after the name of a variable; write $${ if ${ is meant")
        return self._get(key, found[1], path)

    def _get(self, key: str, name: str, path: tuple[str, ...]) -> str:
        shown = fit_to_show(name) or "without a name"
        if name not in os.environ:
            raise _Wrong(path, f"the environment variable {shown} is not set")
        if not os.environ[name].isprintable():
            raise _Wrong(path, f"the environment variable {shown} holds more than one line of text")
        self._read.setdefault(key, {})[name] = os.environ[name]
        return os.environ[name]

    def told(self, key: str, what: str) -> str:
        """Return ``what`` is wrong with ``key``, without anything that a variable holds."""
        read = self._read.get(key)
        if not read:
            return what
        names = ", ".join(map(fit_to_show, read))
        if _repeats(what, list(read.values())):
            return f"what the environment variable {names} holds does not fit: {_KEYS[key].doc}"
        return f"{what} (from the environment variable {names})"


class _Wrong(Exception):
    def __init__(self, path: tuple[str, ...], what: str) -> None:
        super().__init__(what)
        self.path = path


def _repeats(what: str, values: Sequence[str]) -> bool:
    """Whether a value, or a word of one, is in ``what``: it may be there in pieces, as an origin or a path."""
    said = what.casefold()
    words = [word for value in values for word in (value, *re.findall(r"\w{3,}", value))]
    return any(word.casefold() in said for word in words if word not in {"", "http", "https"})
