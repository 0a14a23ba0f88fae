"""What the person sees: the page, the wait, the terminal, pasting."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

LOOPBACK: Final = "callbacks/loopback.py"
PAGE: Final = "callbacks/page.py"
CONSOLE: Final = "callbacks/console.py"
TYPED: Final = "callbacks/typed_lines.py"
ATTEMPT: Final = "logins/attempt.py"
TEST_PAGE: Final = "callbacks/test_loopback_page.py"
TEST_END: Final = "callbacks/test_loopback_end.py"
TEST_CONSOLE: Final = "callbacks/test_console.py"
TEST_PASTE: Final = "callbacks/test_console_paste.py"
TEST_TERMINAL: Final = "callbacks/test_console_terminal.py"
TEST_ATTEMPT: Final = "logins/test_attempt.py"
TEST_PAGE_HEADERS: Final = f"{TEST_PAGE}::test_every_page_has_the_headers_that_protect_it"

ROWS: Final[tuple[Mutant, ...]] = (
    # The page
    out(
        "page-waits",
        "page-tells-the-truth",
        ATTEMPT,
        "self._unsaved = why_unsaved(self._save, self._token)",
        "threading.Thread(target=why_unsaved, args=(self._save, self._token)).start()",
        f"{TEST_PAGE}::test_success_is_shown_only_when_the_token_is_stored",
    ),
    out(
        "page-of-a-failure",
        "page-tells-the-truth",
        ATTEMPT,
        "success=error is None",
        "success=True",
        f"{TEST_PAGE}::test_a_failed_exchange_shows_the_error_escaped",
    ),
    out(
        "page-is-waited-for",
        "page-tells-the-truth",
        LOOPBACK,
        "self.connections.wait_for_answers(unless=lambda: not self.attempt.ended.is_set())",
        "pass",
        f"{TEST_END}::test_closing_waits_for_the_page_of_the_redirect",
    ),
    out(
        "text-escaped",
        "page-escapes",
        PAGE,
        "<p>{html.escape(text)}</p>",
        "<p>{text}</p>",
        f"{TEST_PAGE}::test_a_failed_exchange_shows_the_error_escaped",
    ),
    out(
        "heading-escaped",
        "page-escapes",
        PAGE,
        "<h1>{html.escape(heading)}</h1>",
        "<h1>{heading}</h1>",
        f"{TEST_PAGE}::test_the_heading_is_escaped_too",
    ),
    out(
        "title-escaped",
        "page-escapes",
        PAGE,
        "<title>{html.escape(heading)}</title>",
        "<title>{heading}</title>",
        f"{TEST_PAGE}::test_the_heading_is_escaped_too",
    ),
    out(
        "no-referrer",
        "page-headers",
        PAGE,
        '"Referrer-Policy": "no-referrer",',
        '"Referrer-Policy": "origin",',
        TEST_PAGE_HEADERS,
    ),
    out(
        "no-store",
        "page-headers",
        PAGE,
        '"Cache-Control": "no-store"',
        '"Cache-Control": "private"',
        TEST_PAGE_HEADERS,
    ),
    out("nosniff", "page-headers", PAGE, '    "X-Content-Type-Options": "nosniff",\n', "", TEST_PAGE_HEADERS),
    out(
        "default-src", "page-headers", PAGE, "default-src 'none'; ", "default-src 'self'; ", TEST_PAGE_HEADERS
    ),
    out(
        "frame-ancestors",
        "page-headers",
        PAGE,
        "frame-ancestors 'none'",
        "frame-ancestors 'self'",
        TEST_PAGE_HEADERS,
    ),
    out(
        "cross-origin-resource-policy",
        "page-headers",
        PAGE,
        '    "Cross-Origin-Resource-Policy": "same-origin",\n',
        "",
        "hostile/test_hostile_page.py::test_no_page_can_be_framed_read_or_kept",
    ),
    out(
        "connection-close",
        "page-headers",
        PAGE,
        '    "Connection": "close",\n',
        "",
        f"{TEST_PAGE}::test_one_connection_serves_one_request",
        also=(Edit("callbacks/handler.py", "self.close_connection = True", "pass"),),
        doubled="each answer ends its connection",
    ),
    # The wait
    out(
        "login-time-limit",
        "login-time-limit",
        ATTEMPT,
        "if self.seconds_left() <= 0:",
        "if False:",
        f"{TEST_END}::test_the_time_limit_ends_the_wait",
    ),
    out(
        "timeout-hint",
        "login-time-limit",
        ATTEMPT,
        'or "If the browser showed an error page',
        'or "" and "If the browser showed an error page',
        f"{TEST_ATTEMPT}::test_the_timeout_says_what_to_check",
    ),
    out(
        "callbacks-closed",
        "loopback-only",
        "logins/login.py",
        "opened.callback(callback.close)",
        "pass",
        f"{TEST_ATTEMPT}::test_every_callback_is_closed_whatever_happens",
    ),
    out(
        "wait-in-pieces",
        "ctrl-c-ends-the-wait",
        ATTEMPT,
        "if self._lock.acquire(timeout=0.2):",
        "if self._lock.acquire():",
        f"{TEST_ATTEMPT}::test_the_time_limit_never_waits_for_the_exchange_in_one_piece",
    ),
    out(
        "ctrl-c-at-close",
        "ctrl-c-ends-the-wait",
        LOOPBACK,
        "unless=lambda: not self.attempt.ended.is_set()",
        "unless=lambda: False",
        f"{TEST_END}::test_closing_does_not_wait_for_a_login_that_was_broken_off",
    ),
    # The terminal
    out(
        "address-printed",
        "address-always-printed",
        CONSOLE,
        "{attempt.url}\\n\\nWaiting",
        "\\n\\nWaiting",
        f"{TEST_CONSOLE}::test_the_address_is_always_printed_to_standard_error",
    ),
    out(
        "browser-fault",
        "address-always-printed",
        CONSOLE,
        "    except Exception as fault:  # noqa: BLE001 - a browser",
        "    except ZeroDivisionError as fault:  # a browser",
        f"{TEST_CONSOLE}::test_a_browser_that_fails_does_no_harm",
    ),
    out(
        "remote-browser",
        "no-hidden-browser",
        "callbacks/browser.py",
        'remote = "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ',
        "remote = False",
        f"{TEST_CONSOLE}::test_only_a_browser_that_the_person_can_see_is_opened",
    ),
    out(
        "text-browser",
        "no-hidden-browser",
        "callbacks/browser.py",
        "in TEXT_BROWSERS",
        "in ()",
        f"{TEST_CONSOLE}::test_only_a_browser_that_the_person_can_see_is_opened",
    ),
    out(
        "own-browser",
        "own-browser",
        "callbacks/browser.py",
        'if os.environ.get("BROWSER"):',
        "if False:",
        f"{TEST_CONSOLE}::test_only_a_browser_that_the_person_can_see_is_opened",
    ),
    out(
        "paste-checked",
        "paste-checked",
        CONSOLE,
        "reply = attempt.deliver(query.reveal())",
        "reply = attempt.deliver(query.reveal().partition('&')[0] + '&' + attempt.url.partition('?')[2])",
        f"{TEST_PASTE}::test_a_wrong_state_is_refused_with_the_reason_and_asked_again",
    ),
    out(
        "paste-asked-again",
        "paste-checked",
        CONSOLE,
        "        if not reply.ended:\n            self._clear()",
        "        if False:\n            self._clear()",
        f"{TEST_PASTE}::test_a_wrong_state_is_refused_with_the_reason_and_asked_again",
    ),
    out(
        "echo-off",
        "paste-hidden",
        TYPED,
        "~(termios.ICANON | termios.ECHO)",
        "~termios.ICANON",
        f"{TEST_PASTE}::test_how_much_is_pasted_is_shown_but_not_what",
    ),
    out(
        "paste-limit",
        "paste-limit",
        TYPED,
        "elif len(self.typed) < LONGEST:",
        "else:",
        f"{TEST_PASTE}::test_an_endless_line_fills_no_memory",
    ),
    out(
        "paste-reads-on",
        "paste-limit",
        TYPED,
        "and len(data) < LONGEST",
        "and True",
        f"{TEST_PASTE}::test_lines_without_end_do_not_keep_the_reader",
    ),
    out(
        "terminal-restored",
        "terminal-restored",
        TYPED,
        "termios.tcsetattr(self._descriptor, termios.TCSANOW, attributes)",
        "pass",
        f"{TEST_TERMINAL}::test_the_terminal_is_given_back_as_it_was",
    ),
    out(
        "terminal-of-another-job",
        "terminal-restored",
        TYPED,
        "return in_foreground(self._descriptor)",
        "return True",
        "callbacks/test_console_jobs.py::test_a_login_by_paste_alone_in_the_background_ends_at_once",
    ),
    out(
        "wrapped-paste",
        "any-paste",
        "callbacks/pasted.py",
        'text = _INVISIBLE.sub("", _unescaped(_CONTROL_SEQUENCE.sub("", pasted)))',
        "text = pasted",
        "callbacks/test_around_a_paste.py::test_what_is_around_it_does_no_harm",
    ),
    out(
        "paste-beside",
        "paste-beside",
        CONSOLE,
        "        if not self._paste:\n            return True\n",
        "        if True:\n            return True\n",
        "callbacks/test_console_words.py::test_a_console_that_cannot_be_read_ends_a_login_by_paste_before_it_begins",
    ),
    # The attempt
    out(
        "foreign-exception",
        "foreign-exception",
        ATTEMPT,
        "failed unexpectedly ({type(fault).__name__})",
        "failed unexpectedly ({fault})",
        f"{TEST_ATTEMPT}::test_a_fault_that_nobody_foresaw_ends_the_login",
    ),
    out(
        "code-in-a-variable",
        "nowhere",
        ATTEMPT,
        "code = Hidden(self._authorization.accept(query.reveal()))",
        "text = query.reveal()\n            code = Hidden(self._authorization.accept(text))",
        "whole/test_leaks.py::test_errors",
    ),
    out(
        "state-of-another-login",
        "two-logins",
        "oauth/code_grant.py",
        'not hmac.compare_digest(params["state"].encode(), self._state.encode())',
        'len(params["state"]) != len(self._state)',
        "hostile/test_hostile_page.py::test_a_redirect_of_one_login_does_not_end_another",
    ),
)
