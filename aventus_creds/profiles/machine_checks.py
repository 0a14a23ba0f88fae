"""Checks the keys about tokens and keys that the machine has: which grant takes them, and what belongs together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from aventus_creds.basics.places import expand
from aventus_creds.profiles.client_auths import METHODS, candidates
from aventus_creds.profiles.grants import GRANTS, Grant
from aventus_creds.profiles.kinds import any_of
from aventus_creds.profiles.machine import Machine
from aventus_creds.profiles.machine_keys import SHARED_ALGORITHMS, TOKEN_TYPES
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.profiles.token_places import PLACES

Mistake = tuple[tuple[str, ...], str]

_OWN: Final = {
    grant.name: {*grant.takes, *(name for name, _ in grant.needs)} & {*Machine._fields}
    for grant in GRANTS.values()
}

TAKEN_BY: Final = {
    key: [name for name, own in _OWN.items() if key in own] for own in _OWN.values() for key in sorted(own)
}
"""The grants that a key is for, if it is not for all of them."""

OF_ASSERTIONS: Final = ("client_key_id", "client_key_algorithm", "assertion_audience")
"""Keys that only say how something is signed."""


def check_machine(
    values: Mapping[str, Any], given: Mapping[str, Any], grant: Grant, folder: Path | None
) -> tuple[Machine | None, list[Mistake]]:
    """Check the keys of MACHINE_KEYS against the grant and each other.

    Args:
        values: the values of the profile that are right by themselves.
        given: the profile as it is written.
        grant: its grant.
        folder: the folder that relative paths start from.

    Returns:
        The settings, or None if it names none; and the mistakes. If there are any, ignore the settings.
    """
    fields = {key: values[key] for key in Machine._fields if key in values}
    mistakes = [*_of_grant(given, grant), *_of_keys(values, given, grant), *_types(fields, given)]
    if "client_certificate" in fields:
        path = (folder or Path()) / expand(fields["client_certificate"])
        fields["client_certificate"] = str(path)
        mistakes += _of_certificate(path, values)
    machine = Machine(**fields) if fields else None
    return machine.relative_to(folder) if machine and folder else machine, mistakes


def _of_grant(given: Mapping[str, Any], grant: Grant) -> Iterator[Mistake]:
    if grant.needs_one and not given.keys() & {*grant.needs_one}:
        yield (grant.needs_one[0],), f"missing; the grant {grant.name} needs {any_of(grant.needs_one)}"
    for key, grants in TAKEN_BY.items():
        if key in given and grant.name not in grants:
            yield (key,), f"is for the grant {any_of(grants)}, and this profile has {grant.name}"
    if not grant.stored and "store" in given:
        yield ("store",), f"the grant {grant.name} stores no token: leave it out"


def _of_keys(values: Mapping[str, Any], given: Mapping[str, Any], grant: Grant) -> Iterator[Mistake]:
    method = METHODS.get(values.get("client_auth", ""))
    if method and method.key not in given and (not method.lenient or candidates(given.keys(), signs=False)):
        yield (method.key,), f'missing; client_auth = "{method.name}" needs it'
    if "service_account" in given and "client_key" in given:
        yield ("client_key",), "is in the service_account already: leave it out"
    signed = {"client_key", "service_account"} & given.keys() or (method and method.sends == "assertion")
    for key in OF_ASSERTIONS:
        if key in given and not signed:
            yield (key,), "is for what is signed here: give a client_key too"
    if values.get("id_token_algorithm") in SHARED_ALGORITHMS and "client_secret" not in given:
        yield ("client_secret",), "missing; id_token_algorithm names an algorithm that signs with it"
    if grant.signs and "client_id" not in given and "service_account" not in given:
        yield ("client_id",), "missing; the assertion is issued in its name"


def _types(fields: dict[str, Any], given: Mapping[str, Any]) -> Iterator[Mistake]:
    """Fill in the types of tokens where their place tells, and yield the mistakes."""
    for key in ("subject_token", "actor_token"):
        place = fields.get(key)
        if isinstance(place, SecretRef):
            if f"{key}_type" not in given and not (known := PLACES[place.kind].token_type):
                yield (f"{key}_type",), f"missing; what it is: {', '.join(TOKEN_TYPES)}"
            elif f"{key}_type" not in given:
                # what a hub keeps under the name of a type is that
                named = place.named if place.named in TOKEN_TYPES else known
                fields[f"{key}_type"] = TOKEN_TYPES[named]
        elif f"{key}_type" in given and key not in given:
            yield (key,), f"missing; {key}_type says what it is"


def _of_certificate(path: Path, values: Mapping[str, Any]) -> Iterator[Mistake]:
    try:
        path.stat()
    except OSError as fault:
        yield ("client_certificate",), f"names {path}, which cannot be read: {fault.strerror or fault}"
    key = values.get("client_key")
    if values.get("client_auth") == "tls_client_auth" and isinstance(key, SecretRef) and key.kind != "file":
        yield ("client_key",), 'must be { file = "…" }: TLS reads a certificate\'s key from a file only'


def references(table: Any) -> Iterator[tuple[str, str]]:
    """Yield each key of a profile, as it is written, that refers to another profile, and that profile's name."""
    if isinstance(table, dict):
        for key in Machine._fields:
            place = table.get(key)
            if isinstance(place, dict) and isinstance(place.get("profile"), str):
                yield key, place["profile"]


def check_references(name: str, profiles: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield the mistakes in what the profile ``name`` says of others: they must exist, and not lead back to it."""
    from aventus_creds.profiles.advice import did_you_mean

    for key, other in references(profiles[name]):
        if other not in profiles:
            yield (key,), f"there is no profile {other!r}{did_you_mean(other, profiles)}"
        elif circle := _circle([name, other], profiles):
            yield (key,), f"goes round in a circle: {' → '.join(circle)}"


def _circle(way: list[str], profiles: Mapping[str, Any]) -> list[str] | None:
    """Return the way on from the last of ``way`` to one that is in it already, or None."""
    if way[-1] in way[:-1]:
        return way
    further = (_circle([*way, other], profiles) for _, other in references(profiles.get(way[-1])))
    return next(filter(None, further), None)
