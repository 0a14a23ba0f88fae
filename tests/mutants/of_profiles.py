"""What profiles.toml may say, where its secrets are, and what the program does with them."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

KINDS: Final = "profiles/kinds.py"
CHECKS: Final = "profiles/checks.py"
SECRETS: Final = "profiles/secrets.py"
PROFILE: Final = "profiles/profile.py"
FILE: Final = "profiles/file.py"
URLS: Final = "basics/urls.py"
LOGINS: Final = "cli/logins.py"
COMMANDS: Final = "cli/commands.py"
FAILURES: Final = "cli/failures.py"
TEST_KEYS: Final = "profiles/test_profile_keys.py"
TEST_CHECKS: Final = "profiles/test_profile_checks.py"
TEST_SECRETS: Final = "profiles/test_secrets.py"
TEST_IDENTITY: Final = "profiles/test_profile_identity.py"
TEST_URLS: Final = "basics/test_urls.py"
TEST_RESERVED: Final = "profiles/test_reserved_parameters.py::test_no_profile_replaces_what_the_protocol_sets"
BAD_ADDRESS: Final = f"{TEST_URLS}::test_bad_addresses_are_refused_with_the_reason"

ROWS: Final[tuple[Mutant, ...]] = (
    # Parameters of one's own
    *(
        out(
            f"reserved-{name.replace('_', '-')}",
            promise,
            KINDS,
            f"{before}{name}{after}",
            f"{before}{after.lstrip()}",
            TEST_RESERVED,
        )
        for name, promise, before, after in (
            ("response_type", "code-only", '"', " response_mode"),
            ("response_mode", "code-only", "response_type ", " client_id"),
            ("client_secret", "no-secret-in-the-address", "client_id ", " client_assertion"),
            ("redirect_uri", "redirect-uri-to-the-letter", "client_assertion ", " state"),
            ("state", "state", "redirect_uri ", " nonce"),
            ("nonce", "nonce", "state ", '"\n'),
            ("code_challenge", "pkce-s256", "audience code ", " code_challenge_method"),
            ("code_challenge_method", "pkce-s256", "code_challenge ", " code_verifier"),
            ("code_verifier", "pkce-s256", "code_challenge_method ", '"\n'),
            ("refresh_token", "no-secret-in-the-address", "grant_type ", " device_code"),
            ("request", "pkce-s256", '" ', " request_uri"),
            ("request_uri", "pkce-s256", "request ", '".split()'),
        )
    ),
    out(
        "pkce-off",
        "pkce-s256",
        CHECKS,
        'if self.values.get("pkce") is False and grant.client_secret == "forbidden":',
        "if False:",
        f"{TEST_CHECKS}::test_mistakes_between_keys",
    ),
    out(
        "pkce-by-default",
        "pkce-confidential",
        CHECKS,
        'pkce=get("pkce", True)',
        'pkce=get("pkce", False)',
        "oauth/test_request.py::test_confidential_clients_use_pkce_too_unless_told_not_to",
    ),
    out(
        "listen-everywhere",
        "loopback-only",
        KINDS,
        "if re.match(ALL_INTERFACES, _text(value)):",
        "if False:",
        f"{TEST_KEYS}::test_bad_values",
    ),
    out(
        "safe-name",
        "safe-name",
        CHECKS,
        " and NAME_CHARACTERS.issuperset(name)",
        "",
        f"{TEST_CHECKS}::test_bad_names",
    ),
    out(
        "name-length",
        "safe-name",
        CHECKS,
        "0 < len(name) <= 64",
        "0 < len(name)",
        f"{TEST_CHECKS}::test_bad_names",
    ),
    # Addresses
    out(
        "plain-http",
        "tls-only",
        URLS,
        'if parts.scheme == "http" and not is_loopback(host):',
        "if False:",
        BAD_ADDRESS,
    ),
    out(
        "user-in-an-address",
        "profile-mistake",
        URLS,
        "if parts.username is not None or parts.password is not None:",
        "if False:",
        BAD_ADDRESS,
    ),
    out(
        "odd-authority",
        "api-only",
        URLS,
        'not re.fullmatch(f"{HOST}(?::[0-9]*)?", parts.netloc)',
        "False",
        BAD_ADDRESS,
    ),
    out(
        "unprintable-address",
        "tls-only",
        URLS,
        'not url.isascii() or not url.isprintable() or " " in url',
        "False",
        BAD_ADDRESS,
    ),
    out(
        "loopback-octets",
        "tls-only",
        URLS,
        'and octets[0] == "127"',
        "and octets[0]",
        f"{TEST_URLS}::test_other_hosts_are_not_loopback",
    ),
    out(
        "loopback-names",
        "tls-only",
        URLS,
        'host in {"localhost", "::1"}',
        'host.startswith(("localhost", "::1"))',
        f"{TEST_URLS}::test_other_hosts_are_not_loopback",
    ),
    out(
        "address-in-a-refusal",
        "profile-mistake",
        URLS,
        '"must be a whole address that begins with https://"',
        'f"{url} must be a whole address that begins with https://"',
        f"{TEST_URLS}::test_a_refusal_does_not_repeat_the_address",
    ),
    # What decides which token is right
    *(
        out(
            f"fingerprint-{name.replace('_', '-')}",
            "key-of-the-profile",
            PROFILE,
            old,
            new,
            f"{TEST_IDENTITY}::{test}",
        )
        for name, old, new, test in (
            (
                "client",
                "self.client_id, self.scope",
                "self.scope",
                "test_what_decides_the_token_changes_the_fingerprint",
            ),
            (
                "scope",
                "self.client_id, self.scope",
                "self.client_id",
                "test_what_decides_the_token_changes_the_fingerprint",
            ),
            (
                "audience",
                "self.scope, self.audience",
                "self.scope",
                "test_what_decides_the_token_changes_the_fingerprint",
            ),
            (
                "server",
                "*(self.issuer, self.authorize_url, self.token_url)",
                "*()",
                "test_what_decides_the_token_changes_the_fingerprint",
            ),
            (
                "parameters",
                "*(self.authorize_params, self.token_params)",
                "*()",
                "test_what_decides_the_token_changes_the_fingerprint",
            ),
        )
    ),
    out(
        "injected-for-two",
        "injected-one-profile",
        FILE,
        "self._check_injected(name)",
        "pass",
        "hostile/test_hostile_user_profiles.py::test_an_injected_token_serves_one_profile_only",
    ),
    # Secrets
    out(
        "secret-in-the-repr",
        "no-repr",
        SECRETS,
        'return f"<SecretRef in {self.place}>"',
        'return f"<SecretRef {self._value}>"',
        f"{TEST_SECRETS}::test_repr_names_the_place",
        f"{TEST_IDENTITY}::test_a_profile_shows_no_secret",
    ),
    out(
        "command-arguments",
        "secret-command",
        SECRETS,
        'return f"the command {self._value[0]}"',
        "return f\"the command {' '.join(self._value)}\"",
        f"{TEST_SECRETS}::test_command_that_fails",
    ),
    out(
        "command-input",
        "secret-command",
        SECRETS,
        "stdin=subprocess.DEVNULL",
        "stdin=None",
        f"{TEST_SECRETS}::test_command_gets_no_input",
    ),
    out(
        "command-limit",
        "secret-command",
        SECRETS,
        "timeout=COMMAND_TIMEOUT",
        "timeout=None",
        f"{TEST_SECRETS}::test_command_that_hangs",
    ),
    out(
        "command-shell",
        "secret-command",
        SECRETS,
        "[str(program), *self._value[1:]],\n",
        '" ".join(self._value),\n                    shell=True,\n',
        f"{TEST_SECRETS}::test_command",
    ),
    out(
        "secret-cached",
        "secret-when-needed",
        SECRETS,
        "    def _read_command(self) -> str:",
        "    from functools import cache\n\n    @cache\n    def _read_command(self) -> str:",
        f"{TEST_SECRETS}::test_command_is_run_at_each_use",
    ),
    out(
        "secret-of-another",
        "secret-readable",
        "profiles/secrets.py",
        "and status.st_uid == os.geteuid()\n        and status.st_mode",
        "and status.st_mode",
        "profiles/test_secrets_mounted.py::test_a_mounted_secret_of_root",
    ),
    out(
        "secret-file-readable",
        "secret-readable",
        SECRETS,
        "warn_if_others_can_read(path, os.fstat(file.fileno()), self.name)",
        "pass",
        f"{TEST_SECRETS}::test_a_secret_file_that_others_can_read",
    ),
    out(
        "literal-secret-readable",
        "secret-readable",
        FILE,
        'if secret and secret.kind == "text":',
        "if False:",
        f"{TEST_IDENTITY}::test_a_literal_secret_that_others_can_read",
    ),
    out(
        "store-secret-readable",
        "store-secret-readable",
        FILE,
        "if profile.store and (what := profile.store.literal_secret):",
        "if False and (what := ''):",
        "stores/test_chosen_store_in_use.py::test_a_secret_in_a_file_that_others_can_read",
    ),
    out(
        "profiles-writable",
        "profiles-writable",
        FILE,
        "if found := weakness(self.path, status):",
        "if found := ():",
        "hostile/test_hostile_user_profiles.py::test_a_file_that_everybody_may_change",
    ),
    out(
        "commands-of-others",
        "profiles-writable",
        FILE,
        "profile.client_secret.distrusted(found)",
        "profile.client_secret",
        "hostile/test_hostile_user_profiles.py::test_a_file_that_everybody_may_change",
    ),
    out(
        "store-commands-of-others",
        "profiles-writable",
        FILE,
        "profile.store.distrusted(found)",
        "profile.store",
        "hostile/test_hostile_user_profiles.py::test_a_command_of_the_store",
    ),
    out(
        "command-of-the-current-folder",
        "no-current-folder",
        SECRETS,
        "find_program(self._value[0], self._base)",
        "self._value[0]",
        "hostile/test_hostile_user_profiles.py::test_a_command_is_found_from_the_folder_of_profiles_toml",
    ),
    out(
        "demo-of-the-current-folder",
        "no-current-folder",
        "cli/demo.py",
        '"-P", ',
        "",
        "hostile/test_hostile_user_profiles.py::test_the_demo_takes_no_module_from_the_current_folder",
    ),
    out(
        "endless-secret",
        "secret-command",
        SECRETS,
        "if len(secret.reveal()) <= LARGEST_SECRET:\n                return",
        "if True:\n                return",
        "hostile/test_hostile_user.py::test_a_client_secret_that_never_ends",
    ),
    out(
        "one-line-secret",
        "secret-command",
        SECRETS,
        "if not (self._has_fit_lines(secret) if self._lines else secret.reveal().isprintable()):",
        "if False:",
        f"{TEST_SECRETS}::test_more_than_a_secret_is_refused",
    ),
    out(
        "url-in-a-choice",
        "profile-mistake",
        KINDS,
        'isinstance(value, str) and "://" not in value',
        "isinstance(value, str)",
        "stores/test_choosing_a_store.py::test_a_profiles_store_of_any_type",
    ),
    # The program
    out(
        "token-in-the-arguments",
        "no-process-list",
        LOGINS,
        "os.execve(program, command, environment)",
        "os.execve(program, (*command, text), environment)",
        "hostile/test_hostile_user_folders.py::test_the_token_of_exec_is_no_argument",
    ),
    out(
        "secret-as-an-option",
        "no-process-list",
        "cli/profile.py",
        "        return _place(key, text)\n",
        "        return text\n",
        "cli/test_profile_add.py::test_profile_add_writes_nothing_with_a_mistake",
    ),
    out(
        "notices-apart",
        "stdout",
        "cli/voice.py",
        '{shown}", err=True)',
        '{shown}")',
        "cli/test_commands.py::test_token_warns_as_any_other_command",
    ),
    out(
        "profiles-mode",
        "private-profiles",
        "basics/files.py",
        "_fill(os.open(path, _CREATE, 0o600), content)",
        "_fill(os.open(path, _CREATE, 0o644), content)",
        "cli/test_commands.py::test_init_writes_once",
    ),
    out(
        "added-profiles-mode",
        "private-profiles",
        "cli/written.py",
        "if path.exists() else 0o600)",
        "if path.exists() else 0o644)",
        "cli/test_profile_add.py::test_profile_add_makes_the_file",
    ),
    out(
        "advice-for-a-terminal-only",
        "advice",
        "profiles/document.py",
        'advice = syntax_advice(lines[line - 1]) if line else ""',
        'advice = ""',
        "profiles/test_profiles_file.py::test_what_is_no_toml_is_told_with_what_to_write",
    ),
    out(
        "advice-for-a-whole-head",
        "advice",
        "profiles/advice.py",
        "and line.strip() and not _WHOLE_HEAD.match(line)",
        "and line.strip()",
        "profiles/test_profiles_file.py::test_what_is_no_toml_is_told_with_what_to_write",
    ),
    out(
        "debug-messages",
        "debug",
        FAILURES,
        "+ type(shown).__name__, err=True)",
        "+ repr(shown), err=True)",
        "cli/test_exit_codes.py::test_an_unexpected_fault_is_one_line",
    ),
    out(
        "fault-words",
        "foreign-exception",
        FAILURES,
        "a fault in aventus-creds itself ({fault})",
        "a fault in aventus-creds itself ({error})",
        "cli/test_exit_codes.py::test_an_unexpected_fault_is_one_line",
    ),
    out(
        "markup",
        "no-markup",
        "cli/tables.py",
        "Console(markup=False, emoji=False, highlight=False)",
        "Console()",
        "cli/test_exit_codes.py::test_names_are_shown_as_they_are",
    ),
    out(
        "names-as-they-are",
        "names",
        CHECKS,
        "return key if key.isprintable() else repr(key)",
        "return key",
        "cli/test_hostile_names.py::test_no_name_reaches_the_terminal_as_it_is",
    ),
    out(
        "completion",
        "names",
        "cli/arguments.py",
        "if is_name(name) and name.startswith(incomplete)",
        "if name.startswith(incomplete)",
        "cli/test_hostile_names.py::test_completion_offers_only_names_that_a_profile_may_have",
    ),
    out(
        "relative-state",
        "places",
        "basics/places.py",
        "path = os.environ[variable] = str(Path(path).absolute())",
        "pass",
        "hostile/test_faults_of_places.py::test_relative_paths_are_absolute_once_read",
    ),
    out(
        "exit-code",
        "exit-codes",
        FAILURES,
        "        return exit_code(error)\n",
        "        return 1\n",
        "cli/test_exit_codes.py::test_login_required_is_3_within_a_second",
    ),
    out(
        "no-shown-fault",
        "exit-codes",
        COMMANDS,
        "except (Exception, KeyboardInterrupt) as error:",
        "except (OSError, KeyboardInterrupt) as error:",
        "cli/test_exit_codes.py::test_an_unexpected_fault_is_one_line",
    ),
)
