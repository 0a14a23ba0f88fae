"""What profiles that share take over from each other, and what a team's file must not bring out."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

INCLUDED: Final = "profiles/included.py"
INHERITED: Final = "profiles/inherited.py"
VARIABLES: Final = "profiles/variables.py"
FILE: Final = "profiles/file.py"
PROFILE: Final = "profiles/profile.py"
TEAM: Final = "hostile/test_team_file.py::"
INCLUDE: Final = "profiles/test_include.py::"
VALUES: Final = "profiles/test_env_values.py::"

ROWS: Final[tuple[Mutant, ...]] = (
    out(
        "shared-any-origin",
        "shared-addresses",
        INHERITED,
        "        elif foreign:",
        "        elif False:",
        f"{TEAM}test_an_address_is_changed",
        f"{TEAM}test_an_issuer_is_changed",
        f"{TEAM}test_a_provider_is_changed",
        f"{TEAM}test_a_token_of_the_environment",
        f"{TEAM}test_a_whole_program",
    ),
    out(
        "shared-origins-of-the-api-only",
        "shared-addresses",
        PROFILE,
        'if name.endswith(("_url", "_uris", "_origins", "issuer"))',
        'if name == "api_url"',
        f"{TEAM}test_an_address_is_changed[token_url]",
        f"{TEAM}test_an_address_is_changed[revoke_url]",
        f"{TEAM}test_an_address_is_changed[api_origins]",
        f"{INCLUDE}test_every_address_of_a_profile_is_known",
    ),
    out(
        "shared-any-redirect",
        "shared-addresses",
        INCLUDED,
        'return name == "redirect_uris" and is_loopback(urlsplit(url).hostname)',
        'return name == "redirect_uris"',
        f"{TEAM}test_a_redirect_to_elsewhere",
    ),
    out(
        "shared-origins-of-its-own",
        "shared-addresses",
        INHERITED,
        "allowed, mistakes = allowed_origins(self.own)",
        "allowed = (*allowed_origins(self.own)[0], *allowed_origins(self.included[0])[0]); mistakes = ()",
        f"{TEAM}test_the_origins_are_those_of_the_users_own_file",
    ),
    out(
        "shared-login-anywhere",
        "shared-login",
        PROFILE,
        "        if self.included:",
        "        if False:",
        f"{TEAM}test_among_origins_that_are_let_in",
    ),
    out(
        "shared-secret-inside",
        "shared-secrets",
        INCLUDED,
        'if key in _KEYS and _KEYS[key].kind.holds == "secret":',
        "if False:",
        f"{TEAM}test_a_secret_in_the_teams_file",
        f"{INCLUDE}test_every_key_is_judged",
    ),
    out(
        "shared-secret-beside",
        "shared-secrets",
        INHERITED,
        "            self._check_secrets()\n",
        "",
        f"{TEAM}test_a_secret_of_the_user_and_keys_of_the_team",
    ),
    out(
        "shared-secret-today",
        "shared-secrets",
        INHERITED,
        "dict.fromkeys(found for found, _ in self._chain)",
        "dict.fromkeys(given.document for given in self.given.values())",
        f"{TEAM}test_all_keys_of_the_team_are_replaced",
    ),
    out(
        "shared-extends-the-user",
        "shared-secrets",
        INHERITED,
        "among = [document] if document.included else documents",
        "among = documents",
        f"{TEAM}test_the_team_extends_a_profile_of_the_user",
    ),
    out(
        "shared-variables-read",
        "shared-variables",
        INCLUDED,
        "    if refers(value):",
        "    if False:",
        f"{TEAM}test_a_variable_in_the_teams_file",
        f"{TEAM}test_a_variable_in_an_address",
        "fuzz/test_fuzz_profiles.py::test_what_is_included_reads_no_variable",
    ),
    out(
        "shared-decides",
        "shared-decisions",
        INCLUDED,
        "    if key in OF_THE_USER:",
        "    if False:",
        f"{TEAM}test_what_the_user_decides",
    ),
    out(
        "shared-name-of-the-user",
        "shared-decisions",
        FILE,
        "        if len(homes := self._homes(name)) > 1:",
        "        if len(homes := self._homes(name)) > 99:",
        f"{TEAM}test_a_profile_of_the_users_name",
    ),
    out(
        "shared-writable",
        "shared-writable",
        FILE,
        "            warn_of_weakness(document)",
        "            pass",
        f"{INCLUDE}test_a_file_that_others_may_change",
    ),
    out(
        "variable-told",
        "variable-untold",
        VARIABLES,
        "        if _repeats(what, list(read.values())):",
        "        if False:",
        f"{VALUES}test_the_wrong_variable_is_not_told",
    ),
    out(
        "variable-told-in-pieces",
        "variable-untold",
        VARIABLES,
        r', *re.findall(r"\w{3,}", value)',
        ",",
        f"{VALUES}test_the_wrong_variable_is_not_told",
    ),
    out(
        "variable-of-several-lines",
        "variable-untold",
        VARIABLES,
        "        if not os.environ[name].isprintable():",
        "        if False:",
        f"{VALUES}test_what_cannot_be_read",
    ),
    out(
        "variable-kept",
        "variable-anew",
        FILE,
        '    return bool({"extends", "ca_bundle", "client_certificate"} & table.keys()) or any(',
        '    return bool({"extends", "ca_bundle", "client_certificate"} & table.keys()) and any(',
        f"{VALUES}test_another_value_in_the_same_process",
    ),
)
