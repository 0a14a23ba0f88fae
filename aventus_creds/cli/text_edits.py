"""Changes the text of profiles.toml without touching what else is in it.

Each change works on lines, and is then proved: the new text must parse to exactly what was meant. A file that is
written in a way that lines do not show, such as profiles in one inline table, is refused and stays as it is.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import ConfigError

_REFERENCES = ("default", "extends", "profile")
"""Keys whose value is the name of a profile: at the top, in a profile, and in the place of a token."""


def renamed(text: Hidden[str], old: str, new: str) -> Hidden[str] | None:
    """Return the file with the profile ``old`` called ``new``, and with what refers to it. None: refused."""
    written = new if "." not in new else f'"{new}"'
    changed = re.sub(_head(old), rf"\g<1>{written}\g<3>", text.reveal())
    references = rf"(\b(?:{'|'.join(_REFERENCES)})[ \t]*=[ \t]*)([\"']){re.escape(old)}\2"
    changed = re.sub(references, rf"\g<1>\g<2>{new}\g<2>", changed)
    data = tomllib.loads(_body(text))
    profiles = {
        new if name == old else name: _referring(keys, old, new) for name, keys in data["profiles"].items()
    }
    meant = {**data, "profiles": profiles}
    if data.get("default") == old:
        meant["default"] = new
    return _proved(Hidden(changed), meant)


def removed(text: Hidden[str], name: str) -> Hidden[str] | None:
    """Return the file without the profile ``name``, nor ``default`` if that names it. None: refused."""
    data = tomllib.loads(_body(text))
    meant: dict[str, Any] = {**data, "profiles": {**data["profiles"]}}
    del meant["profiles"][name]
    changed = "".join(_without(text.reveal().splitlines(keepends=True), name))
    if data.get("default") == name:
        del meant["default"]
        changed = re.sub(r"(?m)^[ \t]*default[ \t]*=.*\r?\n?", "", changed, count=1)
    return _proved(Hidden(changed), meant)


def with_default(text: Hidden[str], name: str) -> Hidden[str] | None:
    """Return the file with ``default = "NAME"``. None: refused."""
    data = tomllib.loads(_body(text))
    line = f'default = "{name}"'
    if "default" in data:
        pattern = r"(?m)^([ \t]*default[ \t]*=[ \t]*)(?:\"[^\"\n]*\"|'[^'\n]*')"
        changed = re.sub(pattern, rf'\g<1>"{name}"', text.reveal(), count=1)
    else:
        end = "\r\n" if "\r\n" in text.reveal() else "\n"
        changed = re.sub(r"\A(\ufeff?(?:#:schema[^\n]*\n)?)", rf"\g<1>{line}{end}", text.reveal(), count=1)
    return _proved(Hidden(changed), {**data, "default": name})


def _head(name: str) -> str:
    """Return a pattern for the head of a profile's table, or of one inside it. Group 2 is the name."""
    bare = re.escape(name)
    names = rf"\"{bare}\"|'{bare}'" + ("" if "." in name else rf"|{bare}")
    return rf"(?m)^([ \t]*\[\[?[ \t]*profiles[ \t]*\.[ \t]*)({names})([ \t]*[.\]])"


def _without(lines: list[str], name: str) -> list[str]:
    """Return ``lines`` without those of a profile. The comments above the next table stay."""
    kept: list[str] = []
    aside: list[str] = []  # blank lines and comments of which it is not known yet whose they are
    inside = False
    for line in lines:
        if re.match(r"[ \t]*\[", line):
            was, inside = inside, re.match(_head(name), line) is not None
            kept += [] if was and inside else _comments(aside) if was else aside
            aside = []
        elif not line.strip() or line.lstrip().startswith("#"):
            aside.append(line)
            continue
        if not inside:
            kept += [*aside, line]
        aside = []
    return kept + (_comments(aside) if inside else aside)


def _comments(lines: list[str]) -> list[str]:
    """Return ``lines`` from the first comment on."""
    start = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    return lines[start:]


def _referring(value: Any, old: str, new: str) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: new if key in _REFERENCES and item == old else _referring(item, old, new)
        for key, item in value.items()
    }


def _body(text: Hidden[str]) -> str:
    return text.reveal().removeprefix("\ufeff")


def _proved(changed: Hidden[str], meant: dict[str, Any]) -> Hidden[str] | None:
    """Return ``changed`` if it parses to what is meant."""
    try:
        found = tomllib.loads(_body(changed))
    except tomllib.TOMLDecodeError:
        return None
    empty: dict[str, Any] = {"profiles": {}}  # as after the last one is removed
    return changed if {**empty, **found} == {**empty, **meant} else None


def sure(changed: Hidden[str] | None) -> Hidden[str]:
    """Return what was changed. Raises ConfigError if it could not be, here where no variable holds the file."""
    if changed is not None:
        return changed
    raise ConfigError(
        "the file is written in a way that this command cannot change",
        hint="Change it by hand: aventus-creds profile edit",
    )
