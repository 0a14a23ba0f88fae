"""The keys about tokens and keys that the machine has: their values, which grant takes them, and what they need."""

from __future__ import annotations

from typing import Any

import pytest
from machine_profiles import BAD, GIVEN, GOOD, MACHINE_NAMES, PLACE_OF
from profile_texts import ISSUER, SECRET, mistakes_of
from support import make_profile

from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.machine import Machine
from aventus_creds.profiles.token_places import PLACES


@pytest.mark.parametrize("keys", GOOD)
def test_good(keys: dict[str, Any]) -> None:
    """Each arrives in the profile."""
    profile = make_profile(**keys)
    assert profile.machine
    for key in MACHINE_NAMES & keys.keys():
        assert getattr(profile.machine, key)


@pytest.mark.parametrize(("keys", "key", "what"), BAD)
def test_bad(keys: dict[str, Any], key: str, what: str) -> None:
    """Each mistake is told at its key, without what may be secret."""
    found = mistakes_of(**keys)
    assert key in found
    assert what in found[key]
    assert SECRET not in str(found)


def test_every_key_has_good_and_bad_values_here() -> None:
    """A key added to the table needs rows in both tables above, and a field."""
    assert {key for keys in GOOD for key in keys} >= MACHINE_NAMES
    assert {key for _, key, _ in BAD} >= MACHINE_NAMES
    assert {*Machine._fields} - {"others"} == MACHINE_NAMES
    assert PLACE_OF.keys() == PLACES.keys()


def test_every_unattended_grant_has_a_source() -> None:
    """Which source makes its tokens is a column: it can be imported, and only an unattended grant has one."""
    from importlib import import_module

    for grant in GRANTS.values():
        module, _, name = grant.source.partition(":")
        assert bool(name) is not grant.attended
        if name:
            assert getattr(import_module(f"aventus_creds.sources.{module}"), name).token


def test_profiles_without_such_keys_have_no_such_settings() -> None:
    """And their fingerprint is what it was before there were any."""
    profile = make_profile(**ISSUER)
    assert profile.machine is None
    assert profile.fingerprint == "8b0a2e2da5b6ae4ac4a25db0066c8d63758a8ceffb21366f27b4fa75953397e1"


def test_a_place_shows_itself_and_no_secret() -> None:
    """In messages and in repr; a command without its arguments."""
    for place in (*PLACE_OF.values(), {"command": ["the-program", SECRET]}):
        reference = check_profile("prod", {**GIVEN, "token": place})[0]["machine"].token
        [named, *_] = place.values()
        assert str(named[0] if isinstance(named, list) else named) in repr(reference)
        assert SECRET not in repr(reference)
