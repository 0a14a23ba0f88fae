"""Parameters that the protocol sets: no profile replaces them, in neither of the tables for its own."""

from __future__ import annotations

import pytest

from aventus_creds.profiles.checks import check_profile

# Listed here once more, and not taken from the code: one that is forgotten there is noticed.
PARAMETERS = (
    *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state"),  # RFC 6749 4.1.1
    *("grant_type", "code", "refresh_token", "client_secret"),  # RFC 6749 2.3.1, 4.1.3, 6
    *("request", "request_uri"),  # RFC 9101 5
    *("code_challenge", "code_challenge_method", "code_verifier"),  # RFC 7636 4.3, 4.5
    *(
        "nonce",
        *("client_assertion", "client_assertion_type", "subject_token", "actor_token"),
        "device_code",
        "audience",
    ),  # OpenID Connect Core 3.1.2.1, RFC 7521, RFC 8628, RFC 8693
)


@pytest.mark.parametrize("table", ["authorize_params", "token_params"])
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_no_profile_replaces_what_the_protocol_sets(table: str, parameter: str) -> None:
    """With another method the challenge would be the verifier itself; with another state a forgery would pass."""
    keys = {"issuer": "https://as.example.com", "client_id": "c", table: {parameter: "plain"}}
    _, mistakes = check_profile("prod", keys)
    assert [path for path, what in mistakes if "set by the protocol" in what] == [(table, parameter)]
