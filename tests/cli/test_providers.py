"""The command providers: the table of known servers, and what a profile for one needs."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from command_line import command

from aventus_creds.cli.providers import described, sample
from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.providers import PROVIDERS, Provider


def test_the_table() -> None:
    """Every provider has a line: what it needs, its grants, its rule for redirects."""
    done = command("providers")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert list(lines) == list(PROVIDERS)
    assert "host, realm" in lines["keycloak"]
    assert "127.0.0.1 or [::1], any port" in lines["spotify"]
    assert "confidential, device" in lines["github"]


def test_one_row() -> None:
    """A profile to paste, where the client is registered, and the pages that say so."""
    done = command("providers", "okta")
    assert done.returncode == 0, done.stderr
    for text in (
        *(
            'provider = "okta"',
            'domain = "YOUR-DOMAIN"',
            "https://{domain}/admin/apps",
            "the registered port",
        ),
        *("https://developer.okta.com/docs/api/openapi/okta-oauth/oauth (20", "offline_access"),
        *(
            "authorization_server",
            "(default)",
            "revokes at https://{domain}/oauth2/{authorization_server}/v1/revoke",
        ),
    ):
        assert text in done.stdout, text


def test_an_unknown_name() -> None:
    """It says which name is near, and what serves for any other server."""
    done = command("providers", "gitub")
    assert done.returncode == 2
    assert "did you mean 'github'?" in done.stderr
    assert "provider oidc" in done.stderr


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_what_is_shown_can_be_pasted(row: Provider) -> None:
    """The profile is one that the checks take, of a few lines."""
    text = sample(row)
    assert check_profile(row.name, tomllib.loads(text)["profiles"][row.name])[1] == []
    assert len(text.splitlines()) <= 7
    assert described(row).startswith(f"{row.title}\n\n{text}")


def test_profile_add_takes_what_a_row_needs() -> None:
    """``profile add --provider NAME`` has an option for each key, and says which is missing."""
    common = (
        "--provider",
        "keycloak",
        "--client-id",
        "c",
        "--redirect-uri",
        "http://127.0.0.1:8765/callback",
    )
    done = command("profile", "add", "sso", *common, "--host", "sso.example.com")
    assert done.returncode == 4
    assert "profiles.sso.realm: missing; Keycloak needs the realm" in done.stderr
    done = command("profile", "add", "sso", *common, "--host", "sso.example.com", "--realm", "lab")
    assert done.returncode == 0, done.stderr


def test_the_page_shows_five_profiles_as_people_write_them() -> None:
    """The profiles in the documentation are taken by the checks."""
    page = Path(__file__).parents[2] / "aventus_creds" / "docs" / "providers.md"
    text = page.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    profiles = tomllib.loads(text)["profiles"]
    assert len(profiles) == 5
    for name, table in profiles.items():
        assert check_profile(name, table)[1] == []
        assert len(table) <= 5
