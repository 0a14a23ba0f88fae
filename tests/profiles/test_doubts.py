"""What a profile holds by mistake, although it could be meant: named, and never shown if it is a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import make_profile

from aventus_creds import login
from aventus_creds.cli.commands import run
from aventus_creds.errors import ConfigError
from aventus_creds.profiles.doubts import doubts

GOOD = {"issuer": "https://login.acme.com", "client_id": "abc", "api_url": "https://api.acme.com"}


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        *(
            ({"client_id": text}, f"client_id is still {text}")
            for text in ("YOUR_CLIENT_ID", "your-id", "<id>")
        ),
        *(
            ({"client_id": text}, f"client_id is still {text}")
            for text in ("xxxx", "...", "{client}", "changeme")
        ),
        ({"client_id": " abc"}, "begins or ends with a blank"),
        ({"client_id": "abc "}, "begins or ends with a blank"),
        *(
            ({"api_url": f"https://{host}/v1"}, host)
            for host in ("api.example.com", "example.org", "x.example")
        ),
        ({"issuer": "https://login.example.net"}, "issuer names login.example.net"),
        *(
            ({"client_secret": text}, "looks like the name of a variable")
            for text in ("$S3CRET", "${S3CRET}", "%S3CRET%")
        ),
    ],
)
def test_what_is_probably_not_meant(keys: dict[str, Any], named: str) -> None:
    """Each is named once, with what to do; a secret is not repeated."""
    (doubt,) = doubts(make_profile(**GOOD | keys))
    assert named in doubt
    assert "S3CRET" not in doubt


@pytest.mark.parametrize(
    "keys",
    [
        {},
        *({"client_id": text} for text in ("yours", "myclient", "x", "xx", "a<b>", "todo-app", "example")),
        *(
            {"api_url": f"https://{host}"}
            for host in ("example-corp.com", "myexample.com", "example.mycorp.com")
        ),
        *({"client_secret": text} for text in ("a$b", "100%", "s3cret")),
        {"client_secret": {"env": "$X"}},
    ],
)
def test_what_may_be_meant(keys: dict[str, Any]) -> None:
    """Nothing is said of what could be right."""
    assert [*doubts(make_profile(**GOOD | keys))] == []


def test_no_login_begins_with_a_placeholder(write_profiles: Callable[..., Path]) -> None:
    """Not in a browser, where the server's error page would be all that one sees."""
    path = write_profiles({"prod": {**GOOD, "client_id": "YOUR_CLIENT_ID"}})
    with pytest.raises(ConfigError, match="has no client_id yet, only YOUR_CLIENT_ID") as caught:
        login("prod", browser=pytest.fail)
    assert str(path) in caught.value.hint


def test_the_commands_name_it(
    write_profiles: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """profiles warns, and doctor and login before they go on."""
    write_profiles({"prod": {**GOOD, "issuer": "https://login.example.com", "timeout": 1, "retries": 0}})
    assert run(["profiles"]) == 0
    assert "warning: prod: issuer names login.example.com" in capsys.readouterr().err
    run(["doctor", "prod"])
    assert "! prod: issuer names login.example.com" in capsys.readouterr().out
