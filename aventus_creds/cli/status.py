"""The command status: how long each login is valid, and whether a person is needed soon."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import click

from aventus_creds.cli.arguments import Duration, optional_name
from aventus_creds.cli.commands import exit_code, say
from aventus_creds.errors import AventusCredsError, ConfigError, LoginRequired, ProfileError, StoreError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.sources.chain import injected_source
from aventus_creds.stores.opening import store_for, store_name
from aventus_creds.stores.sharing import last_failure
from aventus_creds.tokens import Token, jwt_account, utc


class Standing(NamedTuple):
    """The state of one profile's login. ``status --json`` prints these fields.

    ``needs_login`` means that a user has to log in soon. ``store`` is file, keyring or redis; None if
    no store applies or its name cannot be determined.
    """

    profile: str
    state: str  # fresh, expired, none, mistakes, injected (by the environment), or unknown (no access to the store)
    expires_at: str | None  # ISO 8601, UTC; None also where the token has no known end
    expires_in: int | None  # seconds
    refreshable: bool
    account: str | None
    needs_login: bool
    store: str | None = None
    login_ends_at: str | None = None  # ISO 8601, UTC: when the refresh token ends, if server or provider say
    refused: str | None = None  # what the server said when it last refused a refresh


@click.command(
    short_help="Show how long each login is fresh.",
    epilog="Example: aventus-creds status prod --min-ttl 2h || notify 'log in to prod again'",
)
@optional_name
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--min-ttl",
    type=Duration(),
    default="0",
    metavar="SPAN",
    help="How soon is soon: 90s, 5m, 2h (default: now).",
)
@click.pass_context
def status(ctx: click.Context, name: str | None, as_json: bool, min_ttl: float) -> None:  # noqa: FBT001
    """Show the logins: how long each is fresh, and whether it renews itself.

    Exits with 3 when a person is needed soon for one of them, for monitoring, and with 4 when one cannot be read.
    """
    file = read_profiles()
    if name:
        file.profile(name)  # if you name one profile, its mistakes are errors
    errors: list[AventusCredsError] = []
    standings = [_standing(file, each, min_ttl, errors) for each in ([name] if name else file.names)]
    if as_json:
        click.echo(json.dumps([standing._asdict() for standing in standings], indent=2))
    else:
        _print_table(standings)
        for note in dict.fromkeys(_notes(file, standings)):
            say(note)
    for text in dict.fromkeys(map(str, errors)):  # report a store that is down only once
        say(f"error: {text}")
    if any(standing.state in {"mistakes", "unknown"} for standing in standings):
        ctx.exit(exit_code(ProfileError(())))
    if any(standing.needs_login for standing in standings):
        ctx.exit(exit_code(LoginRequired("")))


def _standing(file: ProfilesFile, name: str, min_ttl: float, errors: list[AventusCredsError]) -> Standing:
    if injected_source(name):
        return Standing(name, "injected", None, None, refreshable=False, account=None, needs_login=False)
    try:
        profile = file.profile(name)
    except ProfileError:
        return Standing(name, "mistakes", None, None, refreshable=False, account=None, needs_login=False)
    attended = GRANTS[profile.grant].attended
    kept_in = failure = None
    try:
        kept_in = store_name(profile)
        store = store_for(profile)
        token = store.load(profile.key)
        failure = last_failure(store, profile.key)
    except (ConfigError, StoreError) as error:  # other profiles may use other stores
        errors.append(error)
        return Standing(name, "unknown", None, None, not attended, None, needs_login=False, store=kept_in)
    if token is None:
        return Standing(name, "none", None, None, not attended, None, attended, kept_in)
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
        jwt_account(token.access_token) or None,
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


def _shown(iso: str | None) -> str:
    return (iso or "").replace("T", " ").replace("Z", " UTC")


def _print_table(standings: list[Standing]) -> None:
    from aventus_creds.cli.tables import new_table, show

    table = new_table("profile", "login", "renews itself", "kept in", "account")
    for it in standings:
        moment = _shown(it.expires_at)
        login = {
            "fresh": f"fresh until {moment}" if moment else "fresh until the API refuses it",
            "expired": f"expired at {moment}",
            "none": "not logged in" if it.needs_login else "not used yet",
            "mistakes": "has mistakes: see aventus-creds profiles",
            "unknown": "cannot be read: see below",
            "injected": f"from {fit_to_show(token_variable(it.profile))}",
        }[it.state]
        style = "red" if it.state in {"mistakes", "unknown"} else "yellow" if it.needs_login else None
        renews = "yes" if it.refreshable else "no"
        if it.state in {"mistakes", "injected", "unknown"}:
            renews = ""
        elif it.refused:
            renews = "no: the server refused"
        elif it.refreshable and it.login_ends_at:
            renews = f"until {_shown(it.login_ends_at)}"
        table.add_row(fit_to_show(it.profile), login, renews, it.store or "", it.account or "", style=style)
    show(table)
