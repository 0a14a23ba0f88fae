"""The command whoami: whose a login is, and who says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import click

from aventus_creds.basics.redact import plain
from aventus_creds.cli.arguments import optional_name
from aventus_creds.cli.voice import say
from aventus_creds.errors import ConfigError, NetworkError, TokenRefused
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.chain import shared_source, unattended_source
from aventus_creds.sources.injected import injected_source
from aventus_creds.stores.opening import store_for
from aventus_creds.structs import Struct
from aventus_creds.tokens import ACCOUNT, Token, jwt_claims

SAID_BY: Final = {
    "id_token": "its ID token",
    "userinfo": "the server's UserInfo endpoint",
    "access_token": "its access token, whose signature only the API checks",
}
"""Who says whose login it is."""

OF_ONE_ANSWER: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "jti", "sid"})
"""Claims that say nothing of the person."""


class Identity(Struct):
    """Whose login it is. ``whoami --json`` prints these fields, ``claims`` only with ``--claims``.

    ``by`` is ``id_token``, ``userinfo`` or ``access_token``.
    """

    profile: str
    account: str
    by: str
    subject: str | None
    issuer: str | None
    claims: Mapping[str, Any]


@click.command(epilog="Example: aventus-creds whoami prod --claims")
@optional_name
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--claims", is_flag=True, help="Print all that is said of the account.")
def whoami(name: str | None, as_json: bool, claims: bool) -> None:  # noqa: FBT001 - as click does
    """Show whose login NAME has: by its ID token, else the server's UserInfo, else the access token.

    Nobody is asked to log in. Exits with 3 when there is no login.
    """
    found = _identity(read_profiles().profile(name))
    if as_json:
        fields = found._asdict()
        click.echo(
            json.dumps(fields if claims else {k: v for k, v in fields.items() if k != "claims"}, indent=2)
        )
        return
    click.echo(plain(found.account, public=True))
    if claims:
        for claim, value in found.claims.items():
            shown = value if isinstance(value, str | int | float) else json.dumps(value)
            click.echo(f"{plain(claim, public=True)}: {plain(shown, public=True)}")
    say(f"So says {SAID_BY[found.by]}.")


def _identity(profile: Profile) -> Identity:
    token = _token(profile)
    claims, by = jwt_claims(token.id_token or ""), "id_token"
    named = any(claims.get(name) for name in ACCOUNT if name != "sub")
    if not named and GRANTS[profile.grant].attended:  # at best a number that nobody knows
        told = _userinfo(profile, token)
        if told:
            claims, by = {**claims, **told}, "userinfo"
    if not any(claims.get(name) for name in ACCOUNT):
        claims, by = jwt_claims(token.access_token), "access_token"
    account = next((claims[name] for name in ACCOUNT if isinstance(claims.get(name), str)), "")
    if not account:
        raise ConfigError(
            f"nobody says whose login {profile.name} has: no ID token, no UserInfo endpoint, no readable access token",
            hint="Ask for the scope openid in the profile, and log in again.",
        )
    of_person = {name: value for name, value in claims.items() if name not in OF_ONE_ANSWER}
    return Identity(profile.name, account, by, _text(claims.get("sub")), _text(claims.get("iss")), of_person)


def _token(profile: Profile) -> Token:
    """Return the token that there is, even an expired one if its ID token says enough; else a fresh one."""
    if injected_source(profile.name) is None:
        kept = shared_source(profile, store_for(profile)).peek()
        if kept and any(jwt_claims(kept.id_token or "").get(name) for name in ACCOUNT if name != "sub"):
            return kept
    return unattended_source(profile).token()


def _userinfo(profile: Profile, token: Token) -> dict[str, Any]:
    """Return what the server says, or {} where it has no such endpoint, does not take the token, or is not there."""
    from aventus_creds.oauth.client import OAuthClient

    try:
        return OAuthClient(profile).userinfo(token)
    except (NetworkError, TokenRefused) as fault:
        say(f"The server could not be asked: {fault.message}")
    return {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
