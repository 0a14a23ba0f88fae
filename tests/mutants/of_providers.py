"""The table of providers: what fills a row's templates, its rules, and when it is loaded."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

KINDS: Final = "profiles/kinds.py"
CHECKS: Final = "profiles/checks.py"
TEST: Final = "profiles/test_placeholders.py"
STAYS: Final = f"{TEST}::test_no_value_leaves_its_place"

ROWS: Final[tuple[Mutant, ...]] = (
    out(
        "any-text-as-a-host",
        "value-in-its-place",
        KINDS,
        'rf"^{HOST}(?::[0-9]{{1,5}})?$",',
        'r"^.+$",',
        STAYS,
    ),
    out(
        "any-text-as-a-part",
        "value-in-its-place",
        KINDS,
        r'r"^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$"',
        'r"^.+$"',
        STAYS,
    ),
    out(
        "step-in-a-path",
        "value-in-its-place",
        KINDS,
        r'r"^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$"',
        r'r"^[A-Za-z0-9._-]+$"',
        STAYS,
    ),
    out(
        "beginning-of-a-value",
        "value-in-its-place",
        KINDS,
        "if not re.fullmatch(pattern, _text(value)):",
        'if not re.match(pattern.rstrip("$"), _text(value)):',
        STAYS,
    ),
    out(
        "placeholder-of-another",
        "value-in-its-place",
        CHECKS,
        "for key in PLACEHOLDERS.keys() & self.given.keys() - provider.placeholders.keys():",
        "for key in ():",
        f"{TEST}::test_a_key_of_another_provider_is_a_mistake",
    ),
    out(
        "made-parameter",
        "value-in-its-place",
        CHECKS,
        'self.wrong("authorize_params", f"{name} is made from',
        '(lambda *_: None)("authorize_params", f"{name} is made from',
        f"{TEST}::test_a_rows_parameters_and_the_profiles_own",
    ),
    out(
        "any-name-of-this-machine",
        "redirect-rule",
        "profiles/redirects.py",
        'if (f"[{host}]" if ":" in host else host) not in rule.hosts:',
        "if False:",
        f"{TEST}::test_the_rule_for_redirects_is_checked",
    ),
    out(
        "any-port-where-the-row-says",
        "redirect-rule",
        "profiles/redirects.py",
        "if parts.port == 0 and not rule.any_port:",
        "if False:",
        f"{TEST}::test_the_rule_for_redirects_is_checked",
    ),
    out(
        "every-row-at-once",
        "row-when-named",
        "profiles/keys.py",
        "def explained(key: Key) -> Key:",
        "[*PROVIDERS.values()]\n\n\ndef explained(key: Key) -> Key:",
        "test_architecture.py::test_a_script_loads_no_row_but_its_own",
    ),
    out(
        "no-offline-parameter",
        "row-of-the-server",
        CHECKS,
        "**{name: text.format_map(places) for name, text in provider.authorize_params.items()},",
        "",
        "whole/test_known_servers.py::test_login_api_refresh_and_their_ends[google-web]",
    ),
    out(
        "no-own-audience",
        "row-of-the-server",
        CHECKS,
        "audience=audience or provider.audience,",
        "audience=audience,",
        "whole/test_known_servers.py::test_login_api_refresh_and_their_ends[planet-public]",
    ),
)
