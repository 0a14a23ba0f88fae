"""Rows about whose login it is, and what an API wants of it."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

ID_TOKEN: Final = "oauth/id_token.py"
SIGNATURE: Final = "oauth/id_signature.py"
USERINFO: Final = "oauth/userinfo.py"
STEP_UP: Final = "session/step_up.py"
OPTIONS: Final = "profiles/login_options.py"
GRANTED: Final = "logins/granted.py"
TEST_ID_TOKEN: Final = "oauth/test_id_token.py"
TEST_CHALLENGES: Final = "session/test_challenges.py"
TEST_STEP_UP: Final = "whole/test_step_up.py"
TEST_WHOAMI: Final = "cli/test_whoami.py"
SAYS: Final = f"{TEST_ID_TOKEN}::test_what_it_must_say"
SIGNED: Final = f"{TEST_ID_TOKEN}::test_who_must_have_signed"

ROWS: Final[tuple[Mutant, ...]] = (
    out(
        "id-token-issuer",
        "id-token-claims",
        ID_TOKEN,
        "if endpoints.issuer and not speaks_for",
        "if False and not speaks_for",
        SAYS,
    ),
    out(
        "id-token-audience",
        "id-token-claims",
        ID_TOKEN,
        "if audience != client_id and not",
        "if False and not",
        SAYS,
    ),
    out(
        "id-token-several",
        "id-token-claims",
        ID_TOKEN,
        "if party is None and isinstance(audience, list) and len(audience) > 1:",
        "if False:",
        SAYS,
    ),
    out(
        "id-token-party",
        "id-token-claims",
        ID_TOKEN,
        "if party not in {None, client_id} else",
        "if False else",
        SAYS,
    ),
    out("id-token-expired", "id-token-claims", ID_TOKEN, "if now >= ends + LEEWAY:", "if False:", SAYS),
    out(
        "id-token-future",
        "id-token-claims",
        ID_TOKEN,
        "if issued is not None and issued > now + LEEWAY:",
        "if False:",
        SAYS,
    ),
    out(
        "id-token-subject",
        "id-token-claims",
        ID_TOKEN,
        "if not isinstance(subject, str) or not subject:",
        "if False:",
        SAYS,
    ),
    out(
        "id-token-device",
        "id-token-claims",
        "oauth/client.py",
        "return self._token(make, 0, login=True)",
        "return self._token(make, 0)",
        f"{TEST_ID_TOKEN}::test_a_login_on_a_device",
    ),
    out(
        "id-token-refreshed",
        "id-token-refresh",
        ID_TOKEN,
        "if any(claims.get(name) != before[name] for name in known)",
        "if False",
        f"{TEST_ID_TOKEN}::test_a_refresh",
    ),
    out(
        "id-token-unsigned",
        "id-token-signature",
        ID_TOKEN,
        'algorithm.lower() == "none"',
        "False",
        f"{TEST_ID_TOKEN}::test_without_joserfc_tls_stands_for_the_signature",
    ),
    out(
        "id-token-algorithms",
        "id-token-signature",
        SIGNATURE,
        "if algorithm not in _allowed(named, endpoints):",
        "if False:",
        SIGNED,
    ),
    out(
        "id-token-key-name",
        "id-token-signature",
        SIGNATURE,
        'or name not in {None, found.get("kid")}:',
        ":",
        SIGNED,
    ),
    out(
        "id-token-forged",
        "id-token-signature",
        SIGNATURE,
        "    except Exception:  # noqa: BLE001 - whatever it is, the signature was not proven\n        return False",
        "    except Exception:  # noqa: BLE001 - whatever it is, the signature was not proven\n        return True",
        SIGNED,
    ),
    out(
        "id-token-second-look",
        "id-token-signature",
        SIGNATURE,
        "for _ in range(2):",
        "for _ in range(1):",
        f"{TEST_ID_TOKEN}::test_an_exchanged_key",
    ),
    out(
        "id-token-many-keys",
        "id-token-signature",
        SIGNATURE,
        "islice(keys, MOST_KEYS)",
        "islice(keys, None)",
        f"{TEST_ID_TOKEN}::test_a_set_of_keys_that_is_none",
    ),
    out(
        "userinfo-subject",
        "userinfo",
        USERINFO,
        'if found["sub"] != jwt_claims(token.id_token or "").get("sub", found["sub"]):',
        "if False:",
        f"{TEST_WHOAMI}::test_by_userinfo",
    ),
    out(
        "userinfo-elsewhere",
        "userinfo",
        USERINFO,
        "or origin(urlsplit(endpoints.userinfo_url)) not in own",
        "",
        f"{TEST_WHOAMI}::test_the_access_token_goes_to_its_own_server",
    ),
    out(
        "step-up-words",
        "step-up",
        STEP_UP,
        "if all(map(_WORD.fullmatch, words)) else",
        "if True else",
        f"{TEST_CHALLENGES}::test_words_that_no_request_could_hold",
    ),
    out(
        "step-up-quoted",
        "step-up",
        OPTIONS,
        "if _SAFE.fullmatch(value) else",
        "if True else",
        f"{TEST_CHALLENGES}::test_the_command",
    ),
    out(
        "step-up-response",
        "step-up",
        "session/faults.py",
        'if isinstance(response := getattr(one, "response", None), requests.Response):',
        "if False:",
        f"{TEST_STEP_UP}::test_a_scope",
    ),
    out(
        "step-up-held",
        "step-up",
        OPTIONS,
        '_joined(profile.scope, held or "", self.scope)',
        "_joined(self.scope)",
        f"{TEST_STEP_UP}::test_a_scope",
    ),
    out(
        "scope-apart",
        "step-up",
        OPTIONS,
        "profile._replace(scope=wanted, scope_apart=True)",
        "profile",
        f"{TEST_STEP_UP}::test_a_scope_of_its_own",
    ),
    out(
        "challenge-limit",
        "step-up",
        "session/challenges.py",
        "if count >= MOST:",
        "if False:",
        f"{TEST_CHALLENGES}::test_a_hostile_header_takes_no_time",
    ),
    out(
        "another-account",
        "another-account",
        GRANTED,
        "if not options.account or not names or",
        "if True or",
        f"{TEST_STEP_UP}::test_an_account",
    ),
    out(
        "somebody-else",
        "another-account",
        GRANTED,
        'return "" if same or before is None else before.account',
        'return ""',
        f"{TEST_WHOAMI}::test_a_login_as_somebody_else",
    ),
)
