"""What a login brought: of whom it is, and whether it is all that was asked for. No I/O, no clock."""

from __future__ import annotations

from typing import Final

from aventus_creds.basics.redact import plain
from aventus_creds.errors import LoginRefused
from aventus_creds.oauth.answer import number
from aventus_creds.oauth.scopes import not_granted
from aventus_creds.profiles.login_options import LoginOptions
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import ACCOUNT, Token, jwt_claims

LEEWAY: Final = 60.0
"""Seconds by which a login may be older than was asked for: clocks differ, and a login takes a moment."""


def another_account(profile: Profile, options: LoginOptions, token: Token) -> LoginRefused | None:
    """Return the error where a login was to be one account's and is another's; None also where nobody knows."""
    names = _names(token)
    if not options.account or not names or options.account.casefold() in map(str.casefold, names):
        return None
    return LoginRefused(
        f"this login to {profile.name} is not of {options.account}, but of {names[0]}: it was not stored",
        error="another_account",
        hint="Choose the account at the server, or log out there first: --prompt select_account has it ask.",
    )


def somebody_else(before: Token | None, token: Token) -> str:
    """Return whose the login was ``before``, if it is another's now; "" if not, or if the tokens do not say."""
    for old, new in (
        ((before and before.id_token) or "", token.id_token or ""),
        (before.access_token if before else "", token.access_token),
    ):
        was, now = jwt_claims(old), jwt_claims(new)
        if was.get("sub") and now.get("sub"):
            same = all(was.get(name) == now.get(name) for name in ("iss", "sub"))
            return "" if same or before is None else before.account
    return ""


def said_of(token: Token, before: Token | None, options: LoginOptions, *, now: float) -> str:
    """Return what a person must know of a login that ended well: another account, or not all that was asked for."""
    return "\n".join([*another_than(before, token), *shortfalls(options, token, now=now)])


def another_than(before: Token | None, token: Token) -> list[str]:
    """Return the sentence that says whose the login was ``before``, if it is another's now."""
    was = somebody_else(before, token)
    return [f"This is another account than before, which was {was}."] if was else []


def shortfalls(options: LoginOptions, token: Token, *, now: float) -> list[str]:
    """Return what a login did not bring of what it was asked for, a sentence each.

    Args:
        options: what it was asked for.
        token: what it brought.
        now: seconds since the epoch, UTC.
    """
    claims = jwt_claims(token.id_token or "")
    found = []
    if missing := not_granted(options.scope, token.scope, refreshes=bool(token.refresh_token)):
        found.append(f"The server did not grant: {' '.join(missing)}")
    if options.acr_values and claims.get("acr") not in options.acr_values.split():
        class_ = plain(claims.get("acr"), public=True) or "of no class that it names"
        found.append(f"The login is {class_}, and not {' or '.join(options.acr_values.split())}.")
    if options.max_age is not None:
        since = number(claims.get("auth_time"))
        if since is None:
            found.append("The server does not say when the person logged in (auth_time).")
        elif now - since > options.max_age + LEEWAY:
            found.append(f"The person logged in {now - since:.0f} s ago, and not within {options.max_age} s.")
    if options.account and not _names(token):
        found.append(f"The server does not say whether this is {options.account}: ask for the scope openid.")
    return found


def _names(token: Token) -> list[str]:
    """Return what the account is called, as an ID token says, or an access token that can be read."""
    claims = jwt_claims(token.id_token or "") or jwt_claims(token.access_token)
    said = [claims.get(name) for name in (*ACCOUNT, "upn")]
    return [name for name in said if isinstance(name, str) and name and name.isprintable()]
