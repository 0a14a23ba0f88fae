"""Asks the endpoints of an authorization server for nothing, to see whether they are there: for doctor."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aventus_creds.errors import ConfigError, InvalidAnswer, NetworkError
from aventus_creds.profiles.profile import Profile

if TYPE_CHECKING:
    from aventus_creds.oauth.request import ServerRequest

TOLERATED_SKEW: Final = 30
"""Seconds that this machine's clock may differ from the server's clock."""


def ask(profile: Profile, key: str, url: str) -> str:
    """Ask an endpoint as a login does, but for nothing. Return the Date of its answer.

    Many servers know all but the authorization endpoint by POST only, and answer a GET with 404.

    Raises:
        NetworkError: it is not there.
        InvalidAnswer: it redirects a POST, which a login does not follow.
    """
    from aventus_creds.oauth.transport import Transport

    if key == "authorize_url":
        try:
            answer = Transport(profile).get(url)
        except InvalidAnswer:  # it redirects, or shows a long page: it is there
            return ""
    else:
        answer = Transport(profile).post(_idle_form(profile, key, url))
    if answer.status in {404, 405} or answer.status >= 500:
        raise NetworkError(f"{url} answered with HTTP {answer.status}", hint=f"Check {key} or base_url.")
    return answer.date


def _idle_form(profile: Profile, key: str, url: str) -> ServerRequest:
    """Return a form that any server refuses, since it asks for nothing.

    It names the client, because GitHub answers 404 to those that it does not know. At the device endpoint the name
    alone would start a login, so there the form is empty.
    """
    from aventus_creds.oauth.request import ServerRequest

    client = {} if key == "device_url" else {"client_id": profile.client_id}
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    return ServerRequest(url, headers, urlencode(client).encode(), ())


def clock(date: str) -> str:
    """Compare this machine's clock with the Date header of the server (RFC 9110 section 6.6.1)."""
    try:
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return "the server's Date cannot be read"
    if abs(skew) > TOLERATED_SKEW:
        raise ConfigError(
            f"it is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's: tokens seem to live"
            f" {'shorter' if skew > 0 else 'longer'} than they do",
            hint="Set the clock, or have it set by NTP.",
        )
    return "agrees with the server's"
