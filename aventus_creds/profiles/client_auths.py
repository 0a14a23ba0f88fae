"""How a client authenticates at its server, as one table. Data only: oauth/client_auth.py does what a row says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from aventus_creds.profiles.providers import ClientAuth
from aventus_creds.structs import Struct


class Method(Struct):
    """A way to authenticate. Where a profile has several, the first one that its server takes is used."""

    name: ClientAuth
    key: str  # the profile's key that holds what it takes
    registered: tuple[
        str, ...
    ]  # its names in token_endpoint_auth_methods_supported; () means that it has none
    sends: Literal["secret", "assertion", "certificate"]  # what the server gets to see
    foreign: bool = False  # somebody else has signed the assertion
    lenient: bool = False  # servers take it although their documents do not name it


METHODS: Final = {
    row.name: row
    for row in (
        # RFC 7523 section 2.2, with an assertion that somebody else has signed: a workload's identity
        Method("client_assertion", "client_assertion", (), "assertion", foreign=True),
        # OpenID Connect Core section 9
        Method("private_key_jwt", "client_key", ("private_key_jwt",), "assertion"),
        Method("basic", "client_secret", ("client_secret_basic",), "secret", lenient=True),
        Method("post", "client_secret", ("client_secret_post",), "secret", lenient=True),
        Method("client_secret_jwt", "client_secret", ("client_secret_jwt",), "assertion"),
        # RFC 8705 section 2: on the wire both are the same
        Method(
            "tls_client_auth",
            "client_certificate",
            ("tls_client_auth", "self_signed_tls_client_auth"),
            "certificate",
        ),
    )
}

CREDENTIALS: Final = tuple(dict.fromkeys(row.key for row in METHODS.values()))
"""The keys by which a client proves who it is."""


def candidates(keys: Collection[str], *, signs: bool) -> list[Method]:
    """Return the methods that a profile has what it takes for, the best first.

    Args:
        keys: those that the profile has.
        signs: whether its client_key signs the grant's own assertion, and no authentication.
    """
    return [row for row in METHODS.values() if row.key in keys and not (signs and row.key == "client_key")]
