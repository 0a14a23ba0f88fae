"""Tokens and keys that the machine has: places, exchanges, assertions and certificates."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

PLACES: Final = "oauth/places.py"
ASSERTIONS: Final = "oauth/assertions.py"
MACHINE: Final = "profiles/machine.py"
GIVEN: Final = "sources/given.py"
TEST_GIVEN: Final = "whole/test_given.py"
TEST_PLACES: Final = "oauth/test_places.py"
TEST_ASSERTIONS: Final = "oauth/test_assertions.py"
TEST_MACHINE: Final = "whole/test_machine_tokens.py"
TEST_PROVIDER: Final = "whole/test_oidc_provider_machine.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # Whose token it is, and where it is kept
    out(
        "given-in-memory",
        "given-not-stored",
        "stores/opening.py",
        "if not GRANTS[profile.grant].stored:",
        "if False:",
        f"{TEST_GIVEN}::test_nothing_of_it_is_stored",
    ),
    out(
        "whose-variables",
        "token-of-whom",
        MACHINE,
        '_hash(reference.named), *(_hash(os.environ.get(name, "")) for name in variables)]',
        "_hash(reference.named)]",
        f"{TEST_GIVEN}::test_another_variable_is_another_token",
        f"{TEST_GIVEN}::test_another_user_of_the_hub",
    ),
    out(
        "whose-profile",
        "token-of-whom",
        "profiles/file.py",
        "keys = tuple(self.profile(other).key for other in referred)",
        "keys = ()",
        f"{TEST_GIVEN}::test_an_edited_profile_is_another_token",
    ),
    out(
        "expired-given",
        "ended-not-sent",
        GIVEN,
        "if token.expired(now):",
        "if False:",
        f"{TEST_GIVEN}::test_an_expired_token",
    ),
    out(
        "refused-given",
        "ended-not-sent",
        GIVEN,
        "if not differs(token, refused):",
        "if False:",
        f"{TEST_GIVEN}::test_a_refused_token_that_is_still_there",
    ),
    out(
        "expired-subject",
        "ended-not-sent",
        "sources/machine.py",
        "if found.expires_at <= time.time():",
        "if False:",
        f"{TEST_MACHINE}::test_an_expired_token_is_not_exchanged",
    ),
    out(
        "circle",
        "no-circle",
        "profiles/machine_checks.py",
        "elif circle := _circle([name, other], profiles):",
        "elif circle := []:",
        f"{TEST_GIVEN}::test_profiles_that_lead_nowhere",
    ),
    # How they are asked for
    out(
        "ci-in-the-clear",
        "place-keys",
        PLACES,
        "        split_url(url)\n",
        "        pass\n",
        f"{TEST_PLACES}::test_the_key_of_a_job_is_not_sent_in_the_clear",
    ),
    out(
        "hubs-words",
        "place-words",
        PLACES,
        'said = plain(_object(answer).get("message"), request.secrets)',
        'said = str(_object(answer).get("message"))',
        f"{TEST_PLACES}::test_a_refusal_of_the_hub",
    ),
    out(
        "found-repr",
        "place-words",
        "oauth/found.py",
        'return "<Found>"',
        'return f"<Found {self.text}>"',
        "oauth/test_found.py::test_it_is_not_shown",
    ),
    out(
        "machines-command",
        "machine-command",
        "profiles/file.py",
        "machine=profile.machine and profile.machine.distrusted(found),",
        "machine=profile.machine,",
        f"{TEST_GIVEN}::test_a_command_in_a_file_that_others_may_change",
    ),
    # Assertions
    out(
        "issuer-audience",
        "assertion-audience",
        ASSERTIONS,
        'return endpoints.token_url if asked == "token_url" or not issuer else issuer',
        "return endpoints.token_url",
        f"{TEST_ASSERTIONS}::test_the_audience",
        f"{TEST_MACHINE}::test_a_client_with_a_key",
    ),
    out(
        "typed-assertion",
        "assertion-audience",
        "oauth/signatures.py",
        'OF_CLIENT: Final = "client-authentication+jwt"',
        'OF_CLIENT: Final = "JWT"',
        f"{TEST_ASSERTIONS}::test_the_clients_assertion",
        f"{TEST_MACHINE}::test_a_client_with_a_key",
    ),
    out(
        "random-number",
        "assertion-once",
        "oauth/signatures.py",
        "random=os.urandom(16)",
        "random=bytes(16)",
        f"{TEST_ASSERTIONS}::test_the_clients_assertion",
    ),
    out(
        "assertion-for-each-try",
        "assertion-once",
        "oauth/failures.py",
        "    for attempt in range(retries + 1):\n        request = make()\n",
        "    request = make()\n    for attempt in range(retries + 1):\n",
        f"{TEST_MACHINE}::test_each_try_has_an_assertion_of_its_own",
    ),
    out(
        "short-assertion",
        "assertion-once",
        ASSERTIONS,
        "LIFETIME: Final = 50\n",
        "LIFETIME: Final = 86400\n",
        f"{TEST_ASSERTIONS}::test_the_clients_assertion",
    ),
    out(
        "algorithm-of-the-key",
        "key-and-algorithm",
        ASSERTIONS,
        "possible = [name for name in fitting if name == named or not named]",
        "possible = [named or fitting[0]]",
        f"{TEST_ASSERTIONS}::test_what_cannot_sign",
    ),
    out(
        "private-key-only",
        "key-and-algorithm",
        ASSERTIONS,
        'if key.reveal().key_type == "oct" or not key.reveal().is_private:',
        "if False:",
        f"{TEST_ASSERTIONS}::test_what_cannot_sign",
    ),
    out(
        "method-of-the-server",
        "key-and-algorithm",
        "oauth/client_auth.py",
        "taken = [row for row in possible if not row.registered or {*row.registered} & {*map(str, listed)}]",
        "taken = possible",
        "oauth/test_client_auth.py::test_a_server_that_takes_none_of_them",
    ),
    # Exchanges
    out(
        "issued-type",
        "exchange-type",
        "oauth/machine_requests.py",
        "if not 200 <= answer.status < 300 or issued is None or issued in fitting:",
        "if True:",
        f"{TEST_MACHINE}::test_an_exchange_answered_with_another_type",
        f"{TEST_PROVIDER}::test_an_exchange",
    ),
    # Certificates
    out(
        "certificate-of-the-api",
        "certificate-origins",
        "session/session.py",
        'settings["cert"] = self._certificate if self._bearer.covers(request.url) else None',
        'settings["cert"] = self._certificate',
        f"{TEST_PROVIDER}::test_a_bound_token_at_the_api",
    ),
)
