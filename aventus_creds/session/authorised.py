"""Puts together what authorises the requests to a profile's API, for clients of every library."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aventus_creds.errors import ConfigError, LoginError
from aventus_creds.session.bearer import BearerAuth
from aventus_creds.session.presenting import Presentation

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.errors import LoginPending, StepUpRequired
    from aventus_creds.profiles.login_options import LoginOptions
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.tokens import Token

    StepUp = Callable[[LoginOptions, Token], Token | StepUpRequired | LoginPending | None]


def auth_for(profile: Profile, source: TokenSource, step_up: StepUp | None = None) -> BearerAuth:
    """Return what authorises requests to the profile's API.

    Args:
        profile: names the API's origins, and how it wants the token.
        source: where the token comes from, for each request.
        step_up: called with what a login must be asked for, where the API wants more than the login of a token has.
            It returns the token of a newer login, or the error that the request then raises, or None: then the caller
            gets the API's answer. None: always.

    Raises:
        ConfigError: the profile names no API.
    """
    if not profile.api_origins:
        raise ConfigError(
            f"profile {profile.name} names no API that a session could be for",
            hint="Set api_url (or an audience that is a URL) in the profile, or use get_token.",
        )
    kind: Callable[..., BearerAuth] = BearerAuth
    if profile.dpop:
        from aventus_creds.session.proving import ProvingAuth  # most tokens are bound to no key

        kind = ProvingAuth
    return kind(
        source,
        profile.api_origins,
        presentation=Presentation(profile.api_auth, profile.bearer),
        headers=profile.api_headers,
        when_short=partial(_when_short, step_up) if step_up else None,
    )


def _when_short(
    step_up: StepUp,
    response: Any,
    token: Token,
    stream: bool,  # noqa: FBT001 - as requests has it
) -> Token | None:
    """Raise what asks for a login, if the API wants more than the login has and a login can bring that.

    Returns the token of a newer login, if somebody has made one.
    """
    from aventus_creds.session.step_up import missing

    options = missing(response, token)
    found = None if options is None else step_up(options, token)
    if not isinstance(found, LoginError):
        return found
    if not stream:
        _ = response.content  # so that the caller can read it, and the connection is free
    found.response = response
    raise found
