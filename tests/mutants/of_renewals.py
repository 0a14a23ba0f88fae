"""A refresh is one unit: who waits for it, what it spends, and what its failure tells the others."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

CACHED: Final = "sources/cached.py"
THREADS: Final = "basics/threads.py"
RENEWALS: Final = "sources/renewals.py"
INTERRUPTS: Final = "sources/interrupts.py"
RETRIED: Final = "oauth/failures.py"
TEST_UNIT: Final = "whole/test_one_unit.py"
TEST_RENEWALS: Final = "sources/test_renewals.py"
BEGINS: Final = "begins = renewal is None or renewal.ended.is_set()"
SHARED: Final = "if failure is not None and failure.at > renewal.asked_at:"

ROWS: Final[tuple[Mutant, ...]] = (
    # It runs to its end
    out(
        "tries-again-after-a-signal",
        "one-unit",
        INTERRUPTS,
        "        program_ends()\n        if number",
        "        if number",
        f"{TEST_UNIT}::test_a_signal_ends_the_wait_for_another_try",
    ),
    out(
        "no-tries-after-ctrl-c",
        "one-unit",
        INTERRUPTS,
        "            program_goes_on()\n",
        "",
        f"{TEST_UNIT}::test_who_goes_on_after_ctrl_c_is_served_with_all_tries",
    ),
    out(
        "thread-of-its-own",
        "one-unit",
        RENEWALS,
        "if must_share_a_thread():",
        "if True:",
        f"{TEST_UNIT}::test_who_stops_waiting_loses_no_login",
    ),
    out(
        "end-of-the-program-waits",
        "one-unit",
        RENEWALS,
        "end_waits_for(self.ended)",
        "pass",
        f"{TEST_UNIT}::test_who_stops_waiting_loses_no_login",
    ),
    out(
        "signal-while-spending",
        "one-unit",
        INTERRUPTS,
        "if pressed or not spending():",
        "if True:",
        f"{TEST_UNIT}::test_a_signal_waits_for_the_main_threads_refresh",
    ),
    out(
        "signal-acts-in-the-end",
        "one-unit",
        INTERRUPTS,
        "if pressed:  # whatever the block ended with",
        "if False:  # whatever the block ended with",
        f"{TEST_UNIT}::test_a_signal_waits_for_the_main_threads_refresh",
        f"{TEST_UNIT}::test_ctrl_c_acts_whatever_the_refresh_ends_with",
    ),
    out(
        "nothing-spent-yet",
        "one-unit",
        INTERRUPTS,
        "if pressed or not spending():",
        "if pressed:",
        f"{TEST_UNIT}::test_ctrl_c_ends_the_wait_for_another_process_at_once",
    ),
    out(
        "no-thread-to-be-had",
        "one-unit",
        THREADS,
        "                raise\n            return False\n",
        "                raise\n            raise\n",
        f"{TEST_UNIT}::test_a_thread_that_cannot_start_does_the_work_itself",
    ),
    out(
        "room-first",
        "room-first",
        CACHED,
        "reserve(self._store, self._key)  # before",
        "pass  # before",
        f"{TEST_UNIT}::test_no_refresh_token_is_used_up_without_room_for_the_next",
    ),
    out(
        "what-became-of-the-login",
        "room-first",
        RENEWALS,
        "kept = stored is not None and stored.refresh_token == new.refresh_token",
        "kept = True",
        f"{TEST_UNIT}::test_a_warning_says_what_became_of_the_stored_login",
    ),
    # A token that is still good
    out(
        "ahead-of-time",
        "good-token-waits-for-nobody",
        CACHED,
        "self._accept(renewal.wait(time_left(AHEAD)))",
        "self._accept(renewal.wait(time_left(self._limit)))",
        f"{TEST_RENEWALS}::test_a_good_token_does_not_wait_for_a_server_that_hangs",
    ),
    out(
        "failure-remembered",
        "good-token-waits-for-nobody",
        CACHED,
        "if renewals.paused:",
        "if False:",
        f"{TEST_RENEWALS}::test_a_failure_ahead_of_time_is_remembered_and_never_raised",
        also=(
            Edit(
                CACHED,
                "if failure is not None and ahead is not None and time.time() < failure.at + failure.wait:",
                "if False:",
            ),
        ),
        doubled="the failure is noted in the store too",
    ),
    out(
        "failure-of-another-process",
        "good-token-waits-for-nobody",
        CACHED,
        "if failure is not None and ahead is not None and time.time() < failure.at + failure.wait:",
        "if False:",
        f"{TEST_RENEWALS}::test_another_process_remembers_it_too",
    ),
    out(
        "expires-meanwhile",
        "good-token-waits-for-nobody",
        CACHED,
        "if self._newest.left(token) > 0:\n            return token",
        "if True:\n            return token",
        f"{TEST_RENEWALS}::test_a_token_that_expires_while_it_is_renewed",
    ),
    # When there is none
    out(
        "failure-shared",
        "one-outage",
        CACHED,
        SHARED,
        "if False:",
        f"{TEST_RENEWALS}::test_processes_share_a_failure",
    ),
    out(
        "failure-of-threads",
        "one-outage",
        RENEWALS,
        BEGINS,
        "begins = True",
        f"{TEST_RENEWALS}::test_threads_share_a_failure",
        also=(Edit(CACHED, SHARED, "if False:"),),
        doubled="what failed in another process or thread is noted in the store",
    ),
    out(
        "login-forgets-the-failure",
        "one-outage",
        CACHED,
        "note_failure(self._store, self._key, None)  # what failed before",
        "pass  # what failed before",
        f"{TEST_RENEWALS}::test_a_new_login_forgets_the_failure",
    ),
    out(
        "limit-of-the-wait",
        "one-outage",
        CACHED,
        "except TimeoutError:\n                break",
        "except ZeroDivisionError:\n                break",
        f"{TEST_RENEWALS}::test_who_has_waited_long_enough_is_told_so",
    ),
    out(
        "refused-refresh",
        "refused-refresh-is-a-login",
        "sources/renewing.py",
        "raise error\n",
        "return stale\n",
        "sources/test_renewing_sources.py::test_only_the_persons_errors_end_the_login",
    ),
    out(
        "refused-refresh-in-the-status",
        "refused-refresh-is-a-login",
        "stores/failures.py",
        "return isinstance(self.error, LoginRequired)",
        "return False",
        "cli/test_status.py::test_a_refused_refresh_is_no_login_that_renews_itself",
    ),
    out(
        "retry-after-of-the-server",
        "token-endpoint-retry-after",
        RETRIED,
        "wait = max(wait, fault.retry_after or 0)",
        "pass",
        f"{TEST_RENEWALS}::test_retry_after_counts_at_the_token_endpoint",
    ),
    out(
        "retry-after-that-nobody-waits-for",
        "token-endpoint-retry-after",
        RETRIED,
        " or (fault.retry_after or 0) > LONGEST_WAIT",
        "",
        f"{TEST_RENEWALS}::test_retry_after_counts_at_the_token_endpoint",
    ),
)
