"""Arguments that several commands share: the name of a profile, and a duration."""

from __future__ import annotations

import re
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from aventus_creds.errors import AventusCredsError
from aventus_creds.profiles.checks import is_name
from aventus_creds.profiles.file import read_profiles

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class ProfileName(click.ParamType):  # type: ignore[type-arg,unused-ignore] # generic since click 8.4
    """The name of a profile. Shell completion offers the names in profiles.toml."""

    name = "profile"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's interface
        param: click.Parameter,  # noqa: ARG002 - click's interface
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the names that start with ``incomplete``, or none if profiles.toml cannot be read.

        Of what the file has, only names that a profile may have: the shell would run ``$(…)`` in another one.
        """
        try:
            names = read_profiles().usable
        except AventusCredsError:
            return []
        return [CompletionItem(name) for name in names if is_name(name) and name.startswith(incomplete)]


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore] # see above
    """A time span: ``90`` or ``90s`` (seconds), ``5m``, ``2h``, ``1d``. It is converted to seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the time span in seconds. Raises click.BadParameter if ``value`` is no time span."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd]?)", value.strip())
        if not found:
            self.fail(f"{value!r} is no time span such as 90, 5m, 2h or 1d", param, ctx)
        return float(found[1]) * _UNITS[found[2] or "s"]


optional_name = click.argument("name", required=False, type=ProfileName())
required_name = click.argument("name", type=ProfileName())
min_ttl = click.option(
    "--min-ttl", type=Duration(), default="0", metavar="SPAN", help="How long it must live: 90s, 5m, 2h."
)
