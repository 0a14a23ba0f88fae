"""What the person sees: the page, the wait, the terminal, pasting."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

LOOPBACK: Final = "callbacks/loopback.py"
CONNECTIONS: Final = "callbacks/connections.py"
PAGE: Final = "callbacks/page.py"
HANDLER: Final = "callbacks/handler.py"
BROWSER: Final = "callbacks/browser.py"
CONSOLE: Final = "callbacks/console.py"
PASTED: Final = "callbacks/pasted.py"
TYPED: Final = "callbacks/typed_lines.py"
ATTEMPT: Final = "logins/attempt.py"
TEST_GUIDE: Final = "cli/test_guide.py"
TEST_FRAMES: Final = "cli/test_frames.py"
TEST_CHANGES: Final = "cli/test_changes.py"
TEST_PAGE: Final = "callbacks/test_loopback_page.py"
TEST_END: Final = "callbacks/test_loopback_end.py"
TEST_CONSOLE: Final = "callbacks/test_console.py"
TEST_PASTE: Final = "callbacks/test_console_paste.py"
TEST_TERMINAL: Final = "callbacks/test_console_terminal.py"
TEST_WORDS: Final = "callbacks/test_console_words.py"
TEST_JOBS: Final = "callbacks/test_console_jobs.py"
TEST_BROWSER: Final = "callbacks/test_console_browser.py"
TEST_ADDRESS: Final = "callbacks/test_one_time_address.py"
TEST_ATTEMPT: Final = "logins/test_attempt.py"
TEST_PAGE_HEADERS: Final = f"{TEST_PAGE}::test_every_page_has_the_headers_that_protect_it"

ROWS: Final[tuple[Mutant, ...]] = (
    # The guide
    out(
        "guide-repeats-a-secret",
        "guide-asks-no-secret",
        "cli/guide.py",
        "refuse(f\"must be one of {', '.join(names)}: the place of the secret, not the secret itself\")",
        "refuse(f\"{chosen!r}: must be one of {', '.join(names)}: the place of the secret, not the secret itself\")",
        f"{TEST_GUIDE}::test_a_secret_is_asked_for_by_its_place_only",
    ),
    out(
        "guide-takes-any-variable",
        "guide-asks-no-secret",
        "cli/guide.py",
        "if re.fullmatch(place.pattern, answer):",
        "if answer:",
        f"{TEST_GUIDE}::test_a_secret_is_asked_for_by_its_place_only",
    ),
    out(
        "guide-shows-the-secret",
        "guide-asks-no-secret",
        "cli/secret_places.py",
        "hide_input=True",
        "hide_input=False",
        f"{TEST_GUIDE}::test_a_secret_goes_into_the_keyring_unseen",
    ),
    out(
        "guide-asks-anybody",
        "guide-asks-persons",
        "cli/prompts.py",
        "and person_can_answer()",
        "and True",
        f"{TEST_GUIDE}::test_with_options_or_without_a_person_nothing_is_asked",
    ),
    out(
        "guide-writes-before-the-word",
        "guide-asks-persons",
        "cli/guide.py",
        '        if not ask_yes(f"Write it to {path}?"):\n',
        '        append(guide.name, guide.keys, start)\n        if not ask_yes(f"Write it to {path}?"):\n',
        f"{TEST_GUIDE}::test_a_no_writes_nothing",
        f"{TEST_GUIDE}::test_an_interrupted_guide_writes_nothing",
    ),
    # Mistakes with their lines
    out(
        "frame-of-any-key",
        "profile-mistake",
        "cli/frames.py",
        '        return _Line(number, "…", text)\n    rest',
        '        return _Line(number, key[0] if key else "…", text)\n    rest',
        f"{TEST_FRAMES}::test_a_mistake_of_syntax",
    ),
    out(
        "frame-with-the-value",
        "profile-mistake",
        "cli/frames.py",
        "{' …' if rest else ''}",
        "{text.reveal()[key.end() :] if rest else ''}",
        f"{TEST_FRAMES}::test_a_mistake_of_syntax",
        f"{TEST_FRAMES}::test_a_mistake_in_a_key",
    ),
    # Changes of profiles.toml, and what is shown of it
    out(
        "change-unproved",
        "change-proved",
        "cli/text_edits.py",
        "if tomllib.loads(_body(changed)) == meant:",
        "if tomllib.loads(_body(changed)) is not meant:",
        f"{TEST_CHANGES}::test_a_file_that_lines_do_not_show_is_left_alone",
    ),
    out(
        "show-a-secret",
        "show-no-secret",
        "cli/shown.py",
        'if all_keys()[key].kind.holds == "secret":',
        "if False:",
        f"{TEST_CHANGES}::test_show_tells_keys_and_their_places_but_no_secret",
    ),
    out(
        "show-a-parameter",
        "show-no-secret",
        "cli/shown.py",
        'f"{fit_to_show(name)} = …" for name in value',
        'f"{fit_to_show(name)} = {value[name]}" for name in value',
        f"{TEST_CHANGES}::test_show_tells_keys_and_their_places_but_no_secret",
    ),
    # The page
    out(
        "page-waits",
        "page-tells-the-truth",
        ATTEMPT,
        "self._unsaved = why_unsaved(self._save, token)",
        "threading.Thread(target=lambda: why_unsaved(self._save, token)).start()",
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
        CONNECTIONS,
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
        also=(Edit(HANDLER, "self.close_connection = True", "pass"),),
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
        "ctrl-c-as-a-lost-lock",
        "ctrl-c-ends-the-wait",
        "basics/threads.py",
        "            raise fault.__context__ from None\n",
        "            raise\n",
        "basics/test_threads.py::test_every_wait_shows_it",
    ),
    out(
        "ctrl-c-taken-for-no-thread",
        "ctrl-c-ends-the-wait",
        "basics/threads.py",
        "            if fault.args in _LOST:\n                raise\n",
        "",
        "basics/test_threads.py::test_a_request_is_sent_once",
    ),
    out(
        "listener-that-begins-late",
        "ctrl-c-ends-the-wait",
        CONNECTIONS,
        "            if self._stopped:\n                return\n",
        "",
        f"{TEST_END}::test_a_thread_that_begins_after_the_end",
    ),
    out(
        "ctrl-c-at-close",
        "ctrl-c-ends-the-wait",
        CONNECTIONS,
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
        BROWSER,
        'remote = "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ',
        "remote = False",
        f"{TEST_CONSOLE}::test_only_a_browser_that_the_person_can_see_is_opened",
    ),
    out(
        "text-browser",
        "no-hidden-browser",
        BROWSER,
        ".name in TEXT_BROWSERS",
        ".name in ()",
        f"{TEST_CONSOLE}::test_only_a_browser_that_the_person_can_see_is_opened",
    ),
    out(
        "own-browser",
        "own-browser",
        BROWSER,
        'if os.environ.get("BROWSER"):',
        "if False:",
        f"{TEST_CONSOLE}::test_only_a_browser_that_the_person_can_see_is_opened",
    ),
    out(
        "paste-checked",
        "paste-checked",
        CONSOLE,
        "attempt.deliver(query.reveal())",
        'attempt.deliver("code=x&" + attempt.url.partition("?")[2])',
        f"{TEST_PASTE}::test_a_wrong_state_is_refused_with_the_reason_and_asked_again",
    ),
    out(
        "paste-asked-again",
        "paste-checked",
        CONSOLE,
        "if not reply.ended:",
        "if False:",
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
        f"{TEST_TERMINAL}::test_a_job_in_the_background_is_not_stopped",
    ),
    out(
        "wrapped-paste",
        "any-paste",
        PASTED,
        '_INVISIBLE.sub("", _unescaped(_CONTROL_SEQUENCE.sub("", pasted)))',
        "pasted",
        "callbacks/test_around_a_paste.py::test_what_is_around_it_does_no_harm",
    ),
    out(
        "paste-beside",
        "paste-beside",
        CONSOLE,
        "if not self._paste:",
        "if True:",
        f"{TEST_CONSOLE}::test_the_paste_wins_while_the_listener_waits",
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
    # An error that proves nothing
    out(
        "error-without-a-state",
        "error-without-state",
        "oauth/code_grant.py",
        'return RedirectRejected("the address has no state: it is not the answer to this login", said=said)',
        'return self._refused(params["error"], "") if said else RedirectRejected("it has no state")',
        "oauth/test_code_grant_answers.py::test_an_error_without_a_state_is_told_but_ends_nothing",
    ),
    out(
        "error-without-a-state-told",
        "error-without-state",
        ATTEMPT,
        "self.unproven = why.said",
        "pass",
        f"{TEST_WORDS}::test_an_error_without_a_state_is_told_once_and_at_the_end",
    ),
    # The browser that is started
    out(
        "one-time-address",
        "browser-arguments",
        BROWSER,
        "_open(one_time_address or url)",
        "_open(url)",
        f"{TEST_ADDRESS}::test_the_arguments_of_the_browser_hold_nothing_of_the_login",
    ),
    out(
        "opened-twice",
        "browser-arguments",
        "callbacks/gate.py",
        "first, self._opened = not self._opened, True",
        "first = True",
        f"{TEST_ADDRESS}::test_a_second_opening_ends_the_login",
    ),
    out(
        "opened-twice-ends-it",
        "browser-arguments",
        HANDLER,
        "attempt.fail(LoginError(_OPENED_TWICE, hint=_OPENED_TWICE_HINT))",
        "pass",
        f"{TEST_ADDRESS}::test_a_second_opening_ends_the_login",
    ),
    out(
        "redirects-from-one-address",
        "no-redirector",
        HANDLER,
        "if path == self.server.one_time.path:",
        'if path.startswith("/login/"):',
        f"{TEST_ADDRESS}::test_it_is_guarded_like_the_redirect",
    ),
    out(
        "address-that-nobody-guesses",
        "no-redirector",
        "callbacks/gate.py",
        "secrets.token_urlsafe(24)",
        "secrets.token_urlsafe(6)",
        f"{TEST_ADDRESS}::test_it_is_guarded_like_the_redirect",
    ),
    out(
        "browser-session",
        "browser-apart",
        BROWSER,
        "start_new_session=True,",
        "",
        f"{TEST_BROWSER}::test_a_browser_prints_reads_and_dies_apart",
    ),
    out(
        "browser-prints",
        "browser-apart",
        BROWSER,
        "stdout=subprocess.DEVNULL,",
        "",
        f"{TEST_BROWSER}::test_a_browser_prints_reads_and_dies_apart",
    ),
    out(
        "browser-reads",
        "browser-apart",
        BROWSER,
        "stdin=subprocess.DEVNULL,",
        "",
        f"{TEST_BROWSER}::test_a_browser_prints_reads_and_dies_apart",
    ),
    # Jobs of a shell
    out(
        "looked-at-before-each-read",
        "paste-foreground",
        TYPED,
        "if not self.heard():\n            return False",
        "if False:\n            return False",
        f"{TEST_JOBS}::test_a_process_group_in_the_background_asks_for_no_paste",
    ),
    out(
        "silenced-again",
        "paste-foreground",
        TYPED,
        "if self._over or not found[3] & (termios.ICANON | termios.ECHO):",
        "if self._over or self._attributes is not None:",
        f"{TEST_JOBS}::test_after_ctrl_z_and_fg_a_paste_is_hidden_and_whole",
    ),
    out(
        "files-are-not-read",
        "paste-foreground",
        TYPED,
        "return os.open(CONTROLLING_TERMINAL, _READ)",
        "return os.dup(sys.stdin.fileno())",
        f"{TEST_JOBS}::test_standard_input_that_is_no_keyboard_is_left_alone",
    ),
)
