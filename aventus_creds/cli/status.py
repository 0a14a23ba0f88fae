"""The command status: how long each login is valid, and whether a person is needed soon."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from aventus_creds.cli.arguments import Duration, optional_name
from aventus_creds.cli.commands import no_profiles
from aventus_creds.cli.failures import exit_code
from aventus_creds.cli.voice import complain, say
from aventus_creds.errors import AventusCredsError, ConfigError, LoginRequired, ProfileError, StoreError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.profiles.stores import STORES
from aventus_creds.sources.injected import injected_source
from aventus_creds.stores.opening import store_for, store_name
from aventus_creds.stores.sharing import glances
from aventus_creds.structs import Struct
from aventus_creds.tokens import Token, utc

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"))

if TYPE_CHECKING:
    from aventus_creds.stores import TokenStore
    from aventus_creds.stores.failures import Failure


class Standing(Struct):
    """The state of one profile's login. ``status --json`` prints these fields.

    ``needs_login`` means that a user has to log in soon. ``store`` is a value of the key ``store``; None if no
    store applies or its name cannot be determined.
    """

    profile: str
    # fresh, expired, none, mistakes, injected (by the environment), given (kept by somebody else), elsewhere (in the
    # memory of other programs), or unknown (no access to the store)
    state: str
    expires_at: str | None  # ISO 8601, UTC; None also where the token has no known end
    expires_in: int | None  # seconds
    refreshable: bool
    account: str | None
    needs_login: bool
    store: str | None = None
    login_ends_at: str | None = None  # ISO 8601, UTC: when the refresh token ends, if server or provider say
    refused: str | None = None  # what the server said when it last refused a refresh


@click.command(
    epilog="Example: aventus-creds status prod --min-ttl 2h || notify 'log in to prod again'",
)
@optional_name
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--min-ttl",
    type=Duration(),
    default="0",
    metavar="SPAN",
    help="How long a login must still be valid: 90s, 5m, 2h (default: now).",
)
@click.option("--times", is_flag=True, help="Print local times instead of spans.")
@click.pass_context
def status(ctx: click.Context, name: str | None, as_json: bool, min_ttl: float, times: bool) -> None:  # noqa: FBT001
    """Show the logins: how long each is fresh, and whether it refreshes automatically.

    Exits with 3 when a person is needed soon for one of them, for monitoring, and with 4 when one cannot be read.
    """
    file = read_profiles()
    if name:
        file.profile(name)  # if you name one profile, its mistakes are errors
    elif not file.names and not as_json:
        say(no_profiles(file))
        return
    errors: list[AventusCredsError] = []
    names = [name] if name else list(file.usable)
    found = _look_up(file, names)
    standings = [_standing(each, found[each], min_ttl, errors) for each in names]
    if as_json:
        click.echo(json.dumps([standing._asdict() for standing in standings], indent=2))
    else:
        _print_table(standings, times)
        for note in dict.fromkeys(_notes(file, standings)):
            say(note)
        for it in filter(lambda standing: standing.needs_login, standings):
            soon = " soon" if it.state == "fresh" else ""
            say(f"{it.profile} needs a login{soon}: aventus-creds login {it.profile}")
    for text in dict.fromkeys(map(str, errors)):  # report a store that is down only once
        complain("error", f"{text}")
    if any(standing.state in {"mistakes", "unknown"} for standing in standings):
        ctx.exit(exit_code(ProfileError(())))
    if any(standing.needs_login for standing in standings):
        ctx.exit(exit_code(LoginRequired("")))


class _Found(Struct):
    """What is known of one profile: ``state`` if its store was not asked, else what that has, or its error."""

    state: str = ""
    profile: Profile | None = None
    store: str = ""
    kept: tuple[Token | None, Failure | None] | AventusCredsError = (None, None)


def _look_up(file: ProfilesFile, names: list[str]) -> dict[str, _Found]:
    """Return what is known of each profile. A store is asked once for all that are in it."""
    found: dict[str, _Found] = {}
    stores: dict[TokenStore, list[str]] = {}
    for name in names:
        found[name] = _Found("injected") if injected_source(name) else _of_file(file, name)
        if not (profile := found[name].profile):
            continue
        try:
            found[name] = _Found("", profile, store_name(profile))
            stores.setdefault(store_for(profile), []).append(name)
        except (ConfigError, StoreError) as error:  # other profiles may use other stores
            found[name] = found[name]._replace(kept=error)
    for store, inside in stores.items():
        keys = {name: it.key for name in inside if (it := found[name].profile)}
        kept: dict[str, tuple[Token | None, Failure | None] | AventusCredsError]
        try:
            kept = glances(store, list(keys.values()))
        except (ConfigError, StoreError) as error:
            kept = dict.fromkeys(keys.values(), error)
        found |= {name: found[name]._replace(kept=kept[key]) for name, key in keys.items()}
    return found


def _of_file(file: ProfilesFile, name: str) -> _Found:
    try:
        profile = file.profile(name)
    except ProfileError:
        return _Found("mistakes")
    return _Found("", profile) if GRANTS[profile.grant].stored else _Found("given")


def _standing(name: str, found: _Found, min_ttl: float, errors: list[AventusCredsError]) -> Standing:
    profile, kept_in = found.profile, found.store
    if profile is None:
        given = found.state == "given"
        return Standing(name, found.state, None, None, refreshable=given, account=None, needs_login=False)
    attended = GRANTS[profile.grant].attended
    if isinstance(found.kept, AventusCredsError):
        errors.append(found.kept)
        return Standing(name, "unknown", None, None, not attended, None, needs_login=False, store=kept_in)
    token, failure = found.kept
    if token is None:
        lasts = STORES[kept_in].lasts
        state = "none" if lasts else "elsewhere"
        attended = attended and profile.refresh_token is None
        return Standing(name, state, None, None, not attended, None, attended and lasts, kept_in)
    now = time.time()
    refused = failure.error.message if failure is not None and failure.needs_login else None
    ends = _login_ends_at(profile, token)
    renews = not attended or (
        token.refresh_token is not None and refused is None and (ends is None or ends > now + min_ttl)
    )
    endless = token.expires_at == math.inf
    return Standing(
        name,
        "expired" if token.expired(now) else "fresh",
        None if endless else _iso(token.expires_at),
        None if endless else round(token.expires_at - now),
        not attended or (token.refresh_token is not None and refused is None),
        token.account or None,
        not renews and not token.fresh(now, min_ttl),
        kept_in,
        _iso(ends) if ends else None,
        refused,
    )


def _login_ends_at(profile: Profile, token: Token) -> float | None:
    """Return when the refresh token ends: as the server said, or else as its documentation does."""
    known = profile.provider.refresh_lifetime if token.refresh_token else 0
    return token.refresh_expires_at or (token.obtained_at + known if known else None)


def _notes(file: ProfilesFile, standings: list[Standing]) -> Iterator[str]:
    """Yield what the documentation says about the ends shown. They move with each refresh, up to the longest."""
    for standing in standings:
        if standing.login_ends_at:
            row = file.profile(standing.profile).provider
            if row.refresh_lifetime:
                yield f"{row.title}: {row.note}"


def _iso(moment: float) -> str:
    return utc(moment).removesuffix(" UTC").replace(" ", "T") + "Z"


_ELSEWHERE: Final = {
    "given": "read from its place when it is needed",
    "elsewhere": "kept by each program until it ends",
    "mistakes": "has mistakes: see aventus-creds profiles",
    "unknown": "cannot be read: see below",
    "injected": "from {}",
}
"""What to say of a profile whose tokens are in no store that can be read here, by its state."""


def _print_table(standings: list[Standing], times: bool) -> None:  # noqa: FBT001 - the option's value
    from aventus_creds.cli.tables import Table, show

    table = Table("profile", "login", "ends", "refreshes", "stored in", "account")
    for it in standings:
        style = "red" if it.state in {"mistakes", "unknown"} else "yellow" if it.needs_login else None
        cells = (fit_to_show(it.profile), *_login(it, times), it.store or "", it.account or "")
        table.add_row(*cells, style=style)
    show(table)


def _login(it: Standing, times: bool) -> tuple[str, str, str]:  # noqa: FBT001 - as above
    """Return what to say of a login: its state, when it ends, and whether it refreshes."""
    if it.state in _ELSEWHERE:
        return _ELSEWHERE[it.state].format(fit_to_show(token_variable(it.profile))), "", ""
    when = _local if times else _span
    refreshes = "yes" if it.refreshable else "no"
    if it.refused:
        refreshes = "no: the server refused"
    elif it.refreshable and it.login_ends_at:
        refreshes = f"until {when(it.login_ends_at)}" if times else f"ends {when(it.login_ends_at)}"
    if it.state == "none":
        return "not logged in" if it.needs_login else "not used yet", "", refreshes
    return it.state, when(it.expires_at) if it.expires_at else "when the API refuses it", refreshes


def _span(iso: str) -> str:
    """Return how far away a time is, in its largest unit: ``in 23 h``, ``2 d ago``."""
    seconds = datetime.fromisoformat(iso).timestamp() - time.time()
    size, unit = next((each for each in _UNITS if abs(seconds) >= 2 * each[0]), (1, "s"))
    span = f"{int(abs(seconds) / size)} {unit}"
    return f"in {span}" if seconds >= 0 else f"{span} ago"


def _local(iso: str) -> str:
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
