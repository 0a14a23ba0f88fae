"""Finds what a profile may well hold by mistake, although it could be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from aventus_creds.profiles.profile import Profile

_PLACEHOLDER: Final = re.compile(
    r"(your|my)[_ -].*|<.*>|\{.*\}|\.\.\.|…|x{3,}|todo|change[_ -]?me", re.IGNORECASE
)
"""What stands in an example for a value of one's own."""

_VARIABLE: Final = re.compile(r"\$\w+|\$\{\w+\}|%\w+%", re.ASCII)
"""How shells write a variable."""

_ADDRESSES: Final = ("issuer", "authorize_url", "token_url", "api_url")


def doubts(profile: Profile) -> Iterator[str]:
    """Yield a warning for each value of ``profile`` that is probably not what was meant. None shows a secret."""
    if no_client_id(profile):
        yield f"{profile.name}: client_id is still {profile.client_id}: put in what the provider gave to this client"
    for key in _ADDRESSES:
        host = urlsplit(getattr(profile, key)).hostname or ""
        if host.endswith((".example", ".invalid")) or host.split(".")[-2:-1] == ["example"]:  # RFC 2606
            yield f"{profile.name}: {key} names {host}, an address for examples: put in the real one"
    if profile.client_id != profile.client_id.strip():
        yield f"{profile.name}: client_id begins or ends with a blank"
    secret = profile.client_secret
    if secret and secret.kind == "text" and _VARIABLE.fullmatch(secret.read()):
        yield (
            f"{profile.name}: client_secret is used as it is written, and looks like the name of a variable:"
            ' write { env = "NAME" }'
        )


def no_client_id(profile: Profile) -> bool:
    """Whether ``client_id`` still is what an example has in its place. No login can succeed with it."""
    return _PLACEHOLDER.fullmatch(profile.client_id) is not None
