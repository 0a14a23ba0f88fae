"""Parameters pushed beforehand (RFC 9126), and tokens bound to a key (RFC 9449)."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

PROOFS: Final = "oauth/proofs.py"
PROVING: Final = "session/proving.py"
TEST_PUSHED: Final = "oauth/test_pushed.py"
TEST_PROOFS: Final = "oauth/test_proofs.py"
TEST_SESSION: Final = "session/test_session_proofs.py"
TEST_SANDBOX: Final = "whole/test_sandbox_proofs.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # Pushed requests
    out(
        "parameters-in-the-address",
        "pushed",
        "oauth/code_grant.py",
        'self.url = self._address({"client_id": self._profile.client_id, "request_uri": outcome.request_uri})',
        'self.url += f"&request_uri={outcome.request_uri}"',
        f"{TEST_PUSHED}::test_the_browser_gets_no_parameters",
    ),
    out(
        "required-and-not-pushed",
        "pushed",
        "oauth/client.py",
        "return self.endpoints.requires_par if wanted is None else wanted",
        "return bool(wanted)",
        f"{TEST_PUSHED}::test_when_it_is_used",
    ),
    out(
        "any-request-uri",
        "pushed",
        "oauth/pushed.py",
        " or not _REQUEST_URI.fullmatch(request_uri)",
        "",
        f"{TEST_PUSHED}::test_an_evil_request_uri",
    ),
    out(
        "state-in-a-refused-push",
        "pushed",
        "oauth/code_grant.py",
        "known = (self._state, self._nonce, self._verifier)",
        "known = ()",
        f"{TEST_PUSHED}::test_a_refusal",
    ),
    # Bound tokens
    out(
        "downgrade",
        "bound-not-bearer",
        "oauth/answer.py",
        "bound=proof_key is not None",
        "bound=False",
        f"{TEST_PROOFS}::test_a_token_that_is_not_bound",
    ),
    out(
        "code-of-no-key",
        "bound-code",
        "oauth/code_grant.py",
        'params["dpop_jkt"] = self.proof_key.thumbprint',
        "pass",
        f"{TEST_PROOFS}::test_the_code_is_bound",
    ),
    out(
        "refresh-by-another-key",
        "bound-refresh",
        "oauth/client.py",
        "proof_key=_key_of(token))",
        "proof_key=None)",
        f"{TEST_PROOFS}::test_a_refresh_proves_the_old_key",
        f"{TEST_SANDBOX}::test_login_api_and_refresh",
    ),
    out(
        "no-ath",
        "proof-for-one-request",
        PROOFS,
        "if token else {}),",
        "if False and token else {}),",
        f"{TEST_SESSION}::test_each_request_has_a_proof_of_its_own",
        f"{TEST_SANDBOX}::test_login_api_and_refresh",
    ),
    out(
        "query-in-the-proof",
        "proof-for-one-request",
        PROOFS,
        '"htu": re.split("[?#]", url, maxsplit=1)[0],',
        '"htu": url,',
        f"{TEST_PROOFS}::test_the_address",
        f"{TEST_SESSION}::test_each_request_has_a_proof_of_its_own",
    ),
    out(
        "private-key-in-the-proof",
        "proof-for-one-request",
        PROOFS,
        'for name, value in public.items() if name in {"kty", "crv", "x", "y"}}',
        "for name, value in self._key.reveal().as_dict(private=True).items()}",
        f"{TEST_PROOFS}::test_a_proof",
    ),
    out(
        "proof-sent-again",
        "proof-once",
        PROVING,
        "        if not self._written:\n",
        "        if True:\n",
        f"{TEST_SESSION}::test_retries_have_proofs_of_their_own",
        f"{TEST_SESSION}::test_a_request_that_is_sent_twice",
    ),
    out(
        "proof-of-the-first-address",
        "proof-for-one-request",
        PROVING,
        "        if token is not None and self._carries(request, token):\n",
        "        if False:\n",
        f"{TEST_SESSION}::test_a_redirect_within_the_api",
    ),
    out(
        "proof-goes-elsewhere",
        "proof-to-the-api-only",
        "session/bearer.py",
        'for name in ("Authorization", "DPoP", self._presented.header):',
        'for name in ("Authorization", self._presented.header):',
        f"{TEST_SESSION}::test_nothing_to_another_origin",
        f"{TEST_SESSION}::test_the_callers_own_session",
    ),
    out(
        "proof-in-errors",
        "proof-hidden",
        "session/bearer.py",
        'for name in ("Authorization", "DPoP", "Proxy-Authorization",',
        'for name in ("Authorization", "Proxy-Authorization",',
        f"{TEST_SESSION}::test_an_error_shows_neither_token_nor_proof",
    ),
    out(
        "key-in-the-repr",
        "proof-hidden",
        "tokens.py",
        "return f\"<Token {until(self.expires_at)}{', refreshable' if self.refresh_token else ''}>\"",
        'return f"<Token {self.proof_key}>"',
        "whole/test_oidc_provider_proofs.py::test_the_key_is_stored_with_the_token_and_shown_nowhere",
    ),
    out(
        "proof-in-refusals",
        "proof-hidden",
        "oauth/request.py",
        "secrets = (*self.secrets, value)",
        "secrets = self.secrets",
        f"{TEST_PROOFS}::test_a_proof",
    ),
    out(
        "any-nonce",
        "nonce-checked",
        PROOFS,
        "if not nonce or not _NONCE.fullmatch(nonce):",
        "if not nonce:",
        f"{TEST_PROOFS}::test_a_nonce_that_never_suffices",
        f"{TEST_SESSION}::test_a_nonce_that_never_suffices",
    ),
    out(
        "nonce-without-end",
        "proof-nonce-once",
        "oauth/proving.py",
        "    if given and given != nonce and _wants_nonce(answer):\n        request, answer, _ =",
        "    while given and _wants_nonce(answer):\n        request, answer, given =",
        f"{TEST_PROOFS}::test_a_nonce_that_never_suffices",
    ),
    out(
        "nonce-without-end-at-the-api",
        "proof-nonce-once",
        PROVING,
        " or once != [response]:",
        " or not once:",
        f"{TEST_SESSION}::test_a_nonce_that_never_suffices",
    ),
    out(
        "refresh-for-a-nonce",
        "proof-nonce-once",
        "session/refusals.py",
        ', "use_dpop_nonce", "invalid_dpop_proof"}',
        "}",
        f"{TEST_SESSION}::test_a_nonce_that_never_suffices",
        f"{TEST_SESSION}::test_what_a_refresh_does_not_help",
    ),
    out(
        "token-of-the-other-kind",
        "bound-not-bearer",
        "profiles/profile.py",
        '    "dpop",\n)',
        ")",
        f"{TEST_PROOFS}::test_another_login_than_without",
    ),
)
