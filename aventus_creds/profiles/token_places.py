"""The places that a token of somebody else can be in, as one table, and which key takes which of them.

The first four are those of any secret (see profiles/secrets.py). The others need a server or another profile, so they
are read above this folder, by oauth/places.py and sources/places.py; here is only the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aventus_creds.profiles.kinds import SECRET, TEXT, Kind, any_of, place_schema
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.structs import Struct


class Place(Struct):
    """A place that a token can be in."""

    name: str
    written: str  # as a profile writes it
    token_type: str = ""  # what is there (RFC 8693 section 3), where the place alone tells
    whose: tuple[str, ...] = ()  # the environment variables that say whose token it is


PLACES: Final = {
    row.name: row
    for row in (
        Place("env", '{ env = "…" }'),
        Place("file", '{ file = "…" }'),
        Place("command", '{ command = ["…"] }'),
        Place("keyring", '{ keyring = "service", username = "…" }'),
        Place(
            "oidc",
            '{ oidc = "AUDIENCE" }',
            token_type="id_token",
            whose=("ACTIONS_ID_TOKEN_REQUEST_URL",),
        ),
        Place(
            "jupyterhub",
            '{ jupyterhub = "access_token" }',
            token_type="access_token",
            whose=("JUPYTERHUB_API_URL", "JUPYTERHUB_USER"),
        ),
        Place("profile", '{ profile = "NAME" }', token_type="access_token"),
    )
}

SECRETS_OWN: Final = ("env", "file", "command", "keyring")


def place_kind(*names: str, called: str) -> Kind:
    """Return the kind of a value that is a reference to one of the places ``names``. Several lines may be there.

    Args:
        names: keys of PLACES.
        called: what to call the secret in messages.
    """
    places = any_of(PLACES[name].written for name in names)

    def check(value: Any) -> SecretRef:
        if not isinstance(value, dict) or not value.keys() & set(names):
            raise ValueError(f"must be one of {places}")
        for name in names:
            if name not in SECRETS_OWN and value.keys() == {name} and isinstance(value[name], str):
                return SecretRef(name, TEXT.check(value[name]), name=called, lines=True)
        try:
            found: SecretRef = SECRET.check(value)
        except ValueError:
            raise ValueError(f"must be exactly one of {places}") from None
        return found.of_lines(called)

    return Kind({"anyOf": [_schema(name) for name in names]}, check)


def _schema(name: str) -> Mapping[str, Any]:
    for place in SECRET.schema["anyOf"]:
        if name in place.get("properties", ()):
            return dict(place)
    return place_schema({name: TEXT.schema})
