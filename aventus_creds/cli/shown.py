"""The command profile show: every key of a profile that has a value, and where that is from. It shows no secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from aventus_creds.cli.arguments import optional_name
from aventus_creds.cli.tables import Table, show
from aventus_creds.errors import AventusCredsError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.kinds import SECRET
from aventus_creds.profiles.profile import Profile

_FIELDS: Final = {"redirect_uri": "redirect_uris"}
"""Keys whose field in a Profile has another name."""


@click.command("show", epilog="Example: aventus-creds profile show prod")
@optional_name
def show_profile(name: str | None) -> None:
    """Show each key of NAME that is in effect, and where it comes from. Secrets are named by their place."""
    file = read_profiles()
    profile = file.profile(name)
    given = file.inherited(profile.name).given
    table = Table("key", "value", "from")
    for key in all_keys().values():
        if key.name in given:
            _, document, path = given[key.name]
            table.add_row(
                key.name,
                _safe(key.name, _written(document.data, path)),
                f"{document.label}:{document.line(path)}",
            )
        else:
            for value, source in _implied(profile, key.name):
                table.add_row(key.name, value, source)
    show(table)


def _written(data: Any, path: tuple[str, ...]) -> Any:
    """Return a value as it is written: a variable's name, and not what it holds."""
    for part in path:
        data = data[part]
    return data


def _implied(profile: Profile, key: str) -> Iterator[tuple[str, str]]:
    """Yield the value that a key has without being written, if it has one."""
    value = getattr(profile, _FIELDS.get(key, key), None)
    if key == "provider":
        value = profile.provider.name
    if value is None or value == "" or value in ((), {}):
        return
    of_row = key != "provider" and getattr(profile.provider, key, None)
    yield (
        _safe(key, list(value) if isinstance(value, tuple) else value),
        (f"the row of {profile.provider.name}" if of_row else "the default"),
    )


def _safe(key: str, value: Any) -> str:
    """Return a value as text. A secret is its place; of a table, which may hold a password, only the names."""
    if all_keys()[key].kind.holds == "secret":
        try:
            return str(SECRET.check(value).place)
        except (AventusCredsError, AttributeError, ValueError):
            return "…"
    if isinstance(value, Mapping):
        if value.keys() == {"env"}:
            return f"the environment variable {fit_to_show(str(value['env']))}"
        return ", ".join(f"{fit_to_show(name)} = …" for name in value)
    if isinstance(value, list):
        return fit_to_show(", ".join(map(str, value)))
    return fit_to_show(str(value).lower() if isinstance(value, bool) else str(value))
