"""Callables that give a fresh token, for SDKs that take one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aventus_creds.session.presenting import alone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.source import TokenSource


def provider(profile: Profile, source: TokenSource) -> Callable[[], str]:
    """Return a callable that gives what the profile's API takes as its token. Raises ConfigError."""
    presentation = alone(profile)
    return lambda: presentation.token(source.token())


def async_provider(profile: Profile, source: TokenSource) -> Callable[[], Awaitable[str]]:
    """Return a callable that gives it in an event loop. Raises ConfigError."""
    from aventus_creds.session.event_loops import token_from  # loads asyncio

    presentation = alone(profile)

    async def give() -> str:
        return presentation.token(await token_from(source))

    return give
