"""How servers differ: where the token is, which header holds it, and where an answer may lead it."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

ANSWER: Final = "oauth/answer.py"
FACTS: Final = "oauth/facts.py"
ISSUERS: Final = "oauth/issuers.py"
DOCUMENTS: Final = "oauth/documents.py"
GRANT: Final = "oauth/code_grant.py"
REQUEST: Final = "oauth/request.py"
BEARER: Final = "session/bearer.py"
ADDRESS: Final = "session/address.py"
KINDS: Final = "profiles/rule_kinds.py"
LOGINS: Final = "cli/logins.py"
TEST_ANSWERS: Final = "oauth/test_answer_rules.py"
TEST_REQUESTS: Final = "oauth/test_request_rules.py"
TEST_PRESENTED: Final = "session/test_session_presented.py"
TEST_LOGIN: Final = "session/test_session_login.py"
TEST_BROUGHT: Final = "sources/test_brought_tokens.py"
TEST_KEYS: Final = "profiles/test_profile_keys.py"
TEST_WORDS: Final = "cli/test_login_words.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # The header with the token
    out(
        "own-header-on-redirect",
        "own-header",
        BEARER,
        'for name in ("Authorization", "DPoP", self._presented.header):',
        'for name in ("Authorization", "DPoP"):',
        f"{TEST_PRESENTED}::test_neither_token_nor_constant_headers_go_to_another_origin",
    ),
    out(
        "own-header-in-another-session",
        "own-header",
        BEARER,
        'if response.is_redirect and not self.covers(urljoin(response.url, response.headers["location"])):',
        "if False:",
        f"{TEST_PRESENTED}::test_neither_token_nor_constant_headers_go_to_another_origin",
    ),
    out(
        "own-header-in-an-error",
        "own-header",
        BEARER,
        '"Proxy-Authorization", *(hook.header for hook in watches)):',
        '"Proxy-Authorization"):',
        f"{TEST_PRESENTED}::test_an_error_does_not_hold_the_token",
    ),
    out(
        "constant-headers-stay",
        "constant-headers",
        BEARER,
        "                del request.headers[name]\n",
        "                pass\n",
        f"{TEST_PRESENTED}::test_neither_token_nor_constant_headers_go_to_another_origin",
    ),
    out(
        "constant-headers-refused",
        "constant-headers",
        KINDS,
        "if not re.fullmatch(HEADER_NAME, name):",
        "if False:",
        f"{TEST_KEYS}::test_no_header_authorises_or_frames_a_message",
    ),
    out(
        "constant-headers-one-line",
        "constant-headers",
        KINDS,
        "not isinstance(item, str) or not re.fullmatch(HEADER_VALUE, item)",
        "not isinstance(item, str)",
        f"{TEST_KEYS}::test_no_header_authorises_or_frames_a_message",
    ),
    # Where an answer leads the token
    out(
        "answered-host",
        "answered-address",
        ADDRESS,
        "if not is_one_of(host, profile.api_hosts):",
        "if False:",
        f"{TEST_LOGIN}::test_an_instance_elsewhere",
    ),
    out(
        "answered-subdomain",
        "answered-address",
        ADDRESS,
        'host.endswith(it[1:]) if it.startswith("*.")',
        'host.endswith(it[2:]) if it.startswith("*.")',
        f"{TEST_LOGIN}::test_an_instance_elsewhere",
        f"{TEST_LOGIN}::test_hosts",
    ),
    out(
        "answered-port",
        "answered-address",
        ADDRESS,
        "if parts.port is not None and not is_loopback(host):",
        "if False:",
        f"{TEST_LOGIN}::test_an_instance_elsewhere",
    ),
    out(
        "answered-part",
        "answered-address",
        ADDRESS,
        "if not _PART.fullmatch(facts[name]):",
        "if False:",
        f"{TEST_LOGIN}::test_a_company_that_is_no_part_of_a_path",
    ),
    out(
        "answered-hosts-named",
        "answered-address",
        "profiles/rules.py",
        'if api_url.startswith("{") and not',
        "if False and not",
        f"{TEST_KEYS}::test_keys_that_need_another",
    ),
    # What is kept of an answer
    out(
        "fact-named-like-a-secret",
        "facts",
        FACTS,
        "or any(part in name for part in _SECRET)",
        "",
        f"{TEST_ANSWERS}::test_what_may_be_a_secret_is_no_fact",
    ),
    out(
        "fact-like-a-token",
        "facts",
        FACTS,
        'return not any(map(_looks_random, re.sub(_UUID, "", text).split()))',
        "return True",
        f"{TEST_ANSWERS}::test_what_may_be_a_secret_is_no_fact",
    ),
    out(
        "fact-that-repeats-a-secret",
        "facts",
        FACTS,
        "plain(text, secrets, public=True)",
        "plain(text, public=True)",
        f"{TEST_ANSWERS}::test_what_may_be_a_secret_is_no_fact",
    ),
    out(
        "facts-without-end",
        "facts",
        FACTS,
        "if name not in now}}.items(), MOST))",
        "if name not in now}}.items(), None))",
        f"{TEST_ANSWERS}::test_facts_have_a_limit",
    ),
    out(
        "fact-of-any-length",
        "facts",
        FACTS,
        "len(text) <= LONGEST and text.isprintable()",
        "text.isprintable()",
        f"{TEST_ANSWERS}::test_what_may_be_a_secret_is_no_fact",
    ),
    # Whose token it is
    out(
        "token-from-beside",
        "token-path",
        ANSWER,
        "return found if previous else {}",
        "return found",
        f"{TEST_ANSWERS}::test_a_refresh_answers_for_the_one_token",
    ),
    out(
        "tenant-of-the-id-token",
        "tenants",
        GRANT,
        "if not of_tenant(self._endpoints.issuer, claims):",
        "if False:",
        f"{TEST_REQUESTS}::test_the_tenant_of_redirect_and_id_token",
    ),
    out(
        "tenant-of-the-redirect",
        "tenants",
        GRANT,
        'if self._iss in {"", claims["iss"]} else',
        "if True else",
        f"{TEST_REQUESTS}::test_the_tenant_of_redirect_and_id_token",
    ),
    out(
        "tenant-is-one-part",
        "tenants",
        ISSUERS,
        "bool(re.fullmatch(_SEGMENT, tenant))",
        "True",
        f"{TEST_REQUESTS}::test_who_is_a_tenant",
    ),
    out(
        "template-in-the-path",
        "tenants",
        ISSUERS,
        "if not is_template(expected):",
        "if TENANT not in expected:",
        f"{TEST_REQUESTS}::test_a_document_alone_says_who_the_server_is",
        doubled="a document with another template is refused before",
        also=(Edit(DOCUMENTS, "return is_template(found) or _is_address(found)", "return True"),),
    ),
    out(
        "empty-secret-unasked",
        "empty-secret",
        REQUEST,
        "if profile.empty_secret if client_secret is None else",
        "if True if client_secret is None else",
        f"{TEST_REQUESTS}::test_without_saying_so_no_client_sends_an_empty_secret",
    ),
    # Refresh tokens from elsewhere, and swapped tokens
    out(
        "brought-on-the-command-line",
        "brought-token",
        LOGINS,
        'if value not in {None, "-"}:',
        "if False:",
        f"{TEST_WORDS}::test_one_on_the_command_line_is_refused",
    ),
    out(
        "brought-under-its-own-name",
        "brought-token",
        "profiles/profile.py",
        "if self.refresh_token is None:\n            return key",
        "if True:\n            return key",
        f"{TEST_BROUGHT}::test_a_new_one_is_taken_at_once",
    ),
    out(
        "brought-once",
        "brought-token",
        "sources/brought.py",
        "if stale is None and self._profile.refresh_token is not None:",
        "if self._profile.refresh_token is not None:",
        f"{TEST_BROUGHT}::test_the_replaced_one_is_used_next",
        also=(
            Edit(
                "sources/renewing.py",
                "if stale is not None and stale.refresh_token:",
                "if False and stale is not None:",
            ),
        ),
        doubled="a login that is there is renewed by its own refresh token",
    ),
    out(
        "swapped-for-the-login",
        "swapped-token",
        "sources/swapped.py",
        "if before == given and differs(kept, stale)",
        "if before == given",
        f"{TEST_BROUGHT}::test_one_that_the_api_refused_is_swapped_again",
    ),
)
