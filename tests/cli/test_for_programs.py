"""JSON for programs, and a login to every profile."""

from __future__ import annotations

import json
import os

import pytest
from command_line import KEYS, WriteProfiles, command

from aventus_creds.sandbox import Sandbox


def test_profiles_as_json(write_profiles: WriteProfiles) -> None:
    """One object for each profile, the mistakes in it; the exit code is that of the table."""
    path = write_profiles(
        {
            "good": KEYS,
            "bad": {"client_id": 5},
            "it": {"extends": "base"},
            "base": {"issuer": KEYS["issuer"]},
        },
        default="good",
        defaults={"timeout": 5},
    )
    done = command("profiles", "--json")
    assert done.returncode == 4
    good, bad, it, base = json.loads(done.stdout)
    assert good == {
        "profile": "good",
        "default": True,
        "file": str(path),
        "extends": None,
        "base": False,
        "system": good["system"],
        "grant": "pkce",
        "client_id": "c",
        "api_url": "https://api.example.com",
        "mistakes": [],
        "warnings": good["warnings"],
    }
    assert (bad["default"], bad["system"]) == (False, None)
    assert any("bad.client_id: must be text" in mistake for mistake in bad["mistakes"])
    assert (it["extends"], base["base"]) == ("base", True)
    assert len(good["warnings"]) == 2  # the addresses are those of examples


def test_doctor_as_json(sandbox: Sandbox) -> None:
    """The checks that are printed as lines otherwise, and the same exit code."""
    sandbox.close()
    done = command("doctor", "athoc", "--json")
    findings = json.loads(done.stdout)
    assert done.returncode == 6
    assert {finding["result"] for finding in findings} >= {"fine", "wrong"}
    by_check = {finding["check"]: finding for finding in findings}
    assert by_check["the profiles file"] == {
        "profile": None,
        "check": "the profiles file",
        "result": "fine",
        "text": os.environ["AVENTUS_CREDS_PROFILES"],
    }
    assert by_check["the profile"]["profile"] == "athoc"


@pytest.mark.skipif(os.name != "posix", reason="the BROWSER program is a shell script")
@pytest.mark.usefixtures("robot")
def test_login_to_every_profile(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """One by one; a profile that cannot log in does not stop the others, and the exit code tells."""
    keys = {name: {**keys, "callback": "loopback"} for name, keys in sandbox.profiles().items()}
    job = {**keys["backoffice"], "grant": "client_credentials"}
    del job["redirect_uri"], job["callback"]
    write_profiles({"one": keys["athoc"], "bad": {"client_id": 5}, "two": keys["cidaas"], "job": job})
    done = command("login", "--all")
    assert done.returncode == 4, done.stderr
    assert "Logged in to one" in done.stderr
    assert "Logged in to two" in done.stderr
    assert "bad: profiles.toml:" in done.stderr
    assert "job" not in done.stderr  # it needs no person
    assert command("login", "one", "--all").returncode == 2
