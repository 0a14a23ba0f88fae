"""Clients of other libraries: what httpx is given, when, and what it is not to take along."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

FLOW: Final = "session/httpx_flow.py"
CLIENT: Final = "session/httpx_client.py"
LOOPS: Final = "session/event_loops.py"
TEST_LOOPS: Final = "session/test_event_loops.py"
TEST: Final = "session/test_clients.py"
TEST_HOSTILE: Final = "hostile/test_hostile_clients.py"

ROWS: Final[tuple[Mutant, ...]] = (
    out(
        "httpx-covers",
        "every-client",
        FLOW,
        "if not auth.covers(url):",
        "if False:",
        f"{TEST_HOSTILE}::test_addresses_made_to_mislead[auth of httpx http://127.0.0.1]",
    ),
    out(
        "client-covers",
        "every-client",
        CLIENT,
        "if not self.auth.covers(url):",
        "if False:",
        f"{TEST_HOSTILE}::test_addresses_made_to_mislead[client http://127.0.0.1]",
        f"{TEST_HOSTILE}::test_redirects_made_to_mislead[client http://127.0.0.1]",
    ),
    out(
        "client-copies",
        "every-client",
        CLIENT,
        "headers=request.headers.copy(), stream",
        "headers={}, stream",
        f"{TEST}::test_a_header_of_its_own[client]",
    ),
    out(
        "httpx-takes-along",
        "every-client",
        FLOW,
        "if not auth.is_plain:",
        "if False:",
        f"{TEST}::test_a_header_of_its_own[auth of httpx]",
        f"{TEST}::test_a_bound_token_needs_our_client",
    ),
    out(
        "user-in-a-url",
        "every-client",
        CLIENT,
        "        auth=httpx.Auth(),  # none; but without it, httpx would take a user and password from a URL\n",
        "",
        f"{TEST_HOSTILE}::test_addresses_made_to_mislead[client http://127.0.0.1]",
    ),
    out(
        "httpx-body-repeated",
        "body-once",
        "session/libraries.py",
        "return isinstance(request.stream, import_module(library).ByteStream)",
        "return True",
        f"{TEST_HOSTILE}::test_a_body_that_is_used_up[client http://127.0.0.1]",
    ),
    out(
        "httpx-not-twice",
        "not-twice",
        CLIENT,
        "return request.method in IDEMPOTENT or",
        "return True or",
        f"{TEST}::test_temporary_failures_are_retried",
    ),
    out(
        "httpx-untrusted-once",
        "api-tls",
        CLIENT,
        "fault.add_note(OWN_AUTHORITIES)\n            return False",
        "fault.add_note(OWN_AUTHORITIES)\n            return True",
        f"{TEST}::test_what_is_trusted",
    ),
    out(
        "refusal-blocks-the-loop",
        "event-loop",
        CLIENT,
        "else in_thread(step))",
        "else anyio.sleep(step() and 0))",
        f"{TEST_LOOPS}::test_nothing_blocks_an_event_loop",
    ),
    out(
        "flight-of-a-loop-given-up",
        "event-loop",
        LOOPS,
        "key = loop, source",
        "key = source, source",
        f"{TEST_LOOPS}::test_a_loop_that_was_given_up",
    ),
    out(
        "connections-of-a-closed-loop",
        "event-loop",
        CLIENT,
        "return clients.setdefault(self, {})",
        "return self.__dict__.setdefault('kept', {})",
        f"{TEST_LOOPS}::test_one_event_loop_after_another",
    ),
    out(
        "flight-cancelled",
        "event-loop",
        LOOPS,
        "return await asyncio.shield(flight)",
        "return await flight",
        f"{TEST_LOOPS}::test_one_cancelled_task_of_many",
    ),
)
