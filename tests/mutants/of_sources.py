"""Where a token comes from: the cache, the refresh under its lock, signals, and whether a person is asked."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

CACHED: Final = "sources/cached.py"
INTERRUPTS: Final = "sources/interrupts.py"
TOKENS: Final = "tokens.py"
HIDDEN: Final = "basics/hidden.py"
TEST_CACHED: Final = "sources/test_cached_source.py"
TEST_PROCESSES: Final = "hostile/test_faults_of_processes.py"
TEST_CLOCK: Final = "hostile/test_faults_of_the_clock.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # One refresh
    out(
        "one-flight",
        "one-thread",
        CACHED,
        "        with flight:\n",
        "        if True:\n",
        f"{TEST_CACHED}::test_threads_share_one_flight",
        also=(
            Edit(
                CACHED,
                "if token is not None and self._good(token, stale, at_least):\n                        return token\n",
                "if False:\n                        return token\n",
            ),
        ),
        doubled="the store's lock, and the look into it under the lock, hold for threads too",
    ),
    out(
        "read-again",
        "one-process",
        CACHED,
        "if token is not None and self._good(token, stale, at_least):\n                        return token\n",
        "if False:\n                        return token\n",
        f"{TEST_CACHED}::test_threads_share_one_flight",
    ),
    out(
        "held-lock",
        "one-process",
        CACHED,
        "(held is not False and still_held(self._store, self._key))",
        "True",
        "sources/test_shared_source.py::test_without_the_turn_the_store_is_read_again",
    ),
    out(
        "saved-before-used",
        "refresh-token-kept",
        CACHED,
        "            self._store.save(self._key, new)\n            self._saved()",
        "            self._saved()",
        f"{TEST_CACHED}::test_a_new_token_is_stored",
    ),
    out(
        "once-more",
        "refreshed-elsewhere",
        CACHED,
        "newest = self._recall()\n            if newest is not None and self._good(newest, token or stale, at_least):",
        "newest = self._memory\n            if newest is None:",
        f"{TEST_CACHED}::test_once_more_before_giving_up",
    ),
    out(
        "conflict",
        "refreshed-elsewhere",
        CACHED,
        "if theirs is not None and self._good(theirs, token or stale, at_least):",
        "if False:",
        "sources/test_shared_source.py::test_a_newer_token_of_somebody_else_is_taken",
    ),
    out(
        "early-fault",
        "early-fault",
        CACHED,
        "        except (NetworkError, SecretError, ServerError):",
        "        except ZeroDivisionError:",
        f"{TEST_CACHED}::test_a_valid_token_survives_a_failed_early_refresh",
    ),
    out(
        "ends-the-login",
        "errors-told-apart",
        "sources/renewing.py",
        "if refusal.error not in OVER:",
        "if False:",
        "sources/test_renewing_sources.py::test_only_the_persons_errors_end_the_login",
    ),
    out(
        "network-fault-is-no-login",
        "errors-told-apart",
        "sources/renewing.py",
        "except TokenRefused as refusal:\n                if refusal.error not in OVER:",
        "except Exception as refusal:\n                if getattr(refusal, 'error', 'invalid_grant') not in OVER:",
        "sources/test_renewing_sources.py::test_a_network_fault_is_no_login",
    ),
    out(
        "logout-wins",
        "logout-wins",
        CACHED,
        "elif stored is None and held and self._stored:",
        "elif False:",
        f"{TEST_CLOCK}::test_a_logout_is_one_for_every_program",
    ),
    out(
        "forgotten-when-the-server-is-away",
        "logout-without-server",
        "logins/logout.py",
        "token = cache.forget()",
        "token = cache.peek()",
        "whole/test_end_to_end.py::test_logout_forgets_even_when_the_server_is_away",
    ),
    out(
        "revocation-that-fails",
        "logout-without-server",
        "logins/logout.py",
        "why_not=error.message",
        'why_not=""',
        "whole/test_end_to_end.py::test_logout_forgets_even_when_the_server_is_away",
    ),
    out(
        "changed-in-turn",
        "logout-wins",
        "stores/sharing.py",
        "with suppress(StoreConflict), store.lock(key):",
        "with store.lock(key):",
        "sources/test_shared_source.py::test_a_persons_login_is_saved_again",
    ),
    # Signals, and the end of the program
    out(
        "ctrl-c-waits",
        "ctrl-c-in-refresh",
        INTERRUPTS,
        "    for number in ours:\n        signal.signal(number, note)",
        "    for number in ():\n        signal.signal(number, note)",
        f"{TEST_PROCESSES}::test_a_signal_in_the_middle_of_a_refresh",
    ),
    out(
        "sigterm-waits",
        "fatal-signal",
        INTERRUPTS,
        "**dict.fromkeys(FATAL, signal.SIG_DFL)",
        "",
        f"{TEST_PROCESSES}::test_a_signal_in_the_middle_of_a_refresh",
    ),
    out(
        "second-signal",
        "fatal-signal",
        INTERRUPTS,
        "        if pressed:\n            _end(number, frame)",
        "        pass",
        f"{TEST_PROCESSES}::test_a_signal_in_the_middle_of_a_refresh",
    ),
    out(
        "exit-waits",
        "program-end",
        INTERRUPTS,
        "ended.wait(max(0.0, deadline - time.monotonic()))",
        "pass",
        f"{TEST_PROCESSES}::test_the_program_ends_while_a_thread_refreshes",
    ),
    # Forks
    out(
        "locks-of-a-child",
        "forks",
        "basics/forks.py",
        "in_each_child(_renew_locks)",
        "",
        f"{TEST_CACHED}::test_a_fork_in_the_middle_of_a_flight",
    ),
    out(
        "connections-of-a-child",
        "forks",
        "session/session.py",
        "if self._process != os.getpid():",
        "if False:",
        f"{TEST_PROCESSES}::test_a_session_on_both_sides_of_a_fork",
    ),
    # Clocks
    out(
        "own-lifetime",
        "clocks",
        TOKENS,
        "min(self.expires_at - now, self.expires_at - self.obtained_at)",
        "self.expires_at - now",
        "test_tokens.py::test_a_clock_that_was_set_back_makes_no_token_live_longer",
    ),
    out(
        "stored-last",
        "clocks",
        CACHED,
        "if stored is not None and stored != self._outdated:",
        "if stored is not None and (self._memory is None or stored.obtained_at > self._memory.obtained_at):",
        f"{TEST_CACHED}::test_the_store_is_newer_than_memory_whatever_the_clock_says",
    ),
    out(
        "steady-clock",
        "clocks",
        CACHED,
        "return now if now > steady else steady",
        "return now",
        f"{TEST_CLOCK}::test_a_clock_that_is_set",
        also=(Edit(CACHED, "time.monotonic() < steady_until and", ""),),
        doubled="the common case looks at both clocks itself",
    ),
    out(
        "clocks-of-two-machines",
        "two-machines",
        CACHED,
        "max(time.time(), token.obtained_at) - time.monotonic()",
        "token.obtained_at - time.monotonic()",
        f"{TEST_CLOCK}::test_two_machines_whose_clocks_differ",
    ),
    # Whether a person is asked
    out(
        "nobody-asked",
        "nobody-is-asked",
        "sources/attended.py",
        "not self._may_ask()",
        "False",
        "sources/test_attended_source.py::test_nobody_is_asked_when_nobody_can_answer",
    ),
    out(
        "refusal-opens-no-browser",
        "refusal-opens-no-browser",
        "sources/attended.py",
        "stale is not None or",
        "",
        "sources/test_attended_source.py::test_a_refusal_by_the_api_never_opens_a_browser",
    ),
    out(
        "person-at-a-terminal",
        "nobody-is-asked",
        "logins/person.py",
        "sys.stdin.isatty() and sys.stderr.isatty()",
        "True",
        "logins/test_attempt.py::test_a_person_can_answer_at_a_terminal_only",
    ),
    out(
        "front-end",
        "headless",
        "logins/person.py",
        'bool(content.get("allow_stdin", getattr(kernel, "_allow_stdin", False)))',
        "True",
        "notebook/test_panel.py::test_whether_a_front_end_can_answer",
    ),
    # Tokens in texts
    out(
        "token-in-the-repr",
        "no-repr",
        TOKENS,
        'return f"<Token until',
        'return f"<Token {self.access_token} until',
        "test_tokens.py::test_nothing_secret_is_shown",
    ),
    out(
        "token-pickled",
        "no-pickle",
        TOKENS,
        "    def __reduce__(self) -> str:",
        "    def _unused(self) -> str:",
        "test_tokens.py::test_no_pickle",
    ),
    out(
        "session-pickled",
        "no-pickle",
        "session/session.py",
        '        raise TypeError("an ApiSession is not pickled: call get_session in the other process")',
        "        return super().__getstate__()",
        "session/test_session_origins.py::test_no_copies",
    ),
    out(
        "hidden-shown",
        "nowhere",
        HIDDEN,
        'return "<hidden>"',
        "return repr(self._value)",
        "whole/test_leaks.py::test_errors",
    ),
    out(
        "argument-of-a-hidden-call",
        "nowhere",
        HIDDEN,
        "        del secret  # this frame is in the traceback too\n",
        "",
        "whole/test_leaks.py::test_errors",
    ),
    out(
        "account-of-a-token",
        "no-markup",
        TOKENS,
        "isinstance(account, str) and account.isprintable()",
        "isinstance(account, str)",
        "fuzz/test_fuzz_cli.py::test_any_stored_token_is_told_of",
    ),
)
