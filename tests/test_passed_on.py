"""What the tests, and the programs that they start, see of the machine's variables."""

from __future__ import annotations

import os

import pytest
from environment import passed_on


@pytest.mark.parametrize(
    "name",
    """
    PYTHONUNBUFFERED PYTHONOPTIMIZE PYTHONWARNINGS PYTHONPATH CI BROWSER DISPLAY TERM LANG HTTPS_PROXY NETRC
    REQUESTS_CA_BUNDLE SSL_CERT_FILE AVENTUS_CREDS_PROFILE XDG_CONFIG_HOME DBUS_SESSION_BUS_ADDRESS MSYSTEM
    """.split(),
)
def test_a_variable_that_changes_what_a_program_does_is_not_passed_on(name: str) -> None:
    """Whatever the machine sets: what is not on the list."""
    assert passed_on([name, name.lower()]) == []


def test_a_test_sees_no_other_variables() -> None:
    """But those that the fixtures set."""
    set_by_fixtures = {"AVENTUS_CREDS_PROFILES", "AVENTUS_CREDS_STATE_DIR", "PYTHONPATH"}
    assert set(os.environ) - set(passed_on(os.environ)) == set_by_fixtures
    assert "PATH" in {name.upper() for name in os.environ}
