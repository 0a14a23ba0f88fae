"""How the redirect comes back: the listener, and which requests end the login."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

LOOPBACK: Final = "callbacks/loopback.py"
HANDLER: Final = "callbacks/handler.py"
GATE: Final = "callbacks/gate.py"
CONNECTIONS: Final = "callbacks/connections.py"
ATTEMPT: Final = "logins/attempt.py"
TEST_REQUESTS: Final = "callbacks/test_loopback_requests.py"
TEST_POST: Final = "callbacks/test_loopback_post.py"
TEST_ADDRESS: Final = "callbacks/test_loopback_address.py"
TEST_END: Final = "callbacks/test_loopback_end.py"
TEST_ATTEMPT: Final = "logins/test_attempt.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # The listener's address
    out(
        "own-interface",
        "loopback-only",
        LOOPBACK,
        "super().__init__((host, port), Handler)",
        'super().__init__(("", port), Handler)',
        f"{TEST_ADDRESS}::test_no_other_address_of_this_machine_is_listened_on",
        also=(
            Edit(LOOPBACK, 'if self.server_address[0] in {"0.0.0.0", "::", "::ffff:0.0.0.0"}:', "if False:"),
        ),
        doubled="what is bound to all interfaces is refused",
    ),
    out(
        "all-interfaces",
        "loopback-only",
        LOOPBACK,
        'if self.server_address[0] in {"0.0.0.0", "::", "::ffff:0.0.0.0"}:',
        "if False:",
        f"{TEST_ADDRESS}::test_all_interfaces_are_never_listened_on",
    ),
    out(
        "port-free-again",
        "loopback-only",
        LOOPBACK,
        "self.server_close()\n",
        "pass\n",
        f"{TEST_END}::test_the_port_is_free_again_after_the_login",
    ),
    out(
        "hangs-up",
        "loopback-only",
        LOOPBACK,
        "self.connections.hang_up()",
        "pass",
        f"{TEST_END}::test_the_port_is_free_again_after_the_login",
    ),
    out(
        "any-port",
        "any-port",
        LOOPBACK,
        "if parts.port == 0:",
        "if False:",
        f"{TEST_ADDRESS}::test_port_0_takes_any_free_port_and_the_redirect_uri_tells_it",
    ),
    out(
        "bound-at-creation",
        "port-before-browser",
        "logins/login.py",
        "callbacks = open_callbacks(profile, browser, panel)",
        "import webbrowser\n        (browser or webbrowser.open)(client.endpoints.authorize_url)\n        callbacks = open_callbacks(profile, browser, panel)",
        "whole/test_end_to_end.py::test_a_port_that_is_taken",
    ),
    out(
        "half-of-localhost",
        "port-not-shared",
        LOOPBACK,
        "if fault.errno in {errno.EADDRINUSE, errno.EACCES}:",
        "if False:",
        f"{TEST_ADDRESS}::test_localhost_is_taken_when_one_of_its_addresses_is",
    ),
    out(
        "both-of-localhost",
        "ip-literal",
        LOOPBACK,
        'servers.append(Server(socket.AF_INET6, "::1", servers[0].server_address[1]))',
        "pass",
        f"{TEST_ADDRESS}::test_localhost_listens_on_both_its_addresses",
    ),
    out(
        "port-shared",
        "port-not-shared",
        LOOPBACK,
        "allow_reuse_port = False",
        "allow_reuse_port = True",
        "callbacks/test_port_not_shared.py::test_a_port_is_not_shared_with_one_who_asks_for_it",
    ),
    # Who may end the login
    out(
        "host-header",
        "host-header",
        HANDLER,
        "not all(map(self.server.gate.host, named))",
        "False",
        f"{TEST_REQUESTS}::test_a_foreign_host_header_is_refused",
    ),
    out(
        "one-host-header",
        "host-header",
        HANDLER,
        "len(hosts) != 1 or ",
        "",
        f"{TEST_REQUESTS}::test_a_foreign_host_header_is_refused",
    ),
    out(
        "host-in-the-target",
        "host-header",
        HANDLER,
        "named = [*hosts, target.netloc] if target.netloc else hosts",
        "named = hosts",
        f"{TEST_REQUESTS}::test_a_whole_address_as_the_target_must_be_this_listeners_too",
    ),
    out(
        "host-with-its-port",
        "host-header",
        GATE,
        "if DEFAULT_PORTS[redirect_uri.scheme] in ports:",
        "if True:",
        f"{TEST_REQUESTS}::test_a_foreign_host_header_is_refused",
    ),
    out(
        "path",
        "only-the-redirect",
        HANDLER,
        "if self.server.gate.path(path):",
        "if True:",
        f"{TEST_REQUESTS}::test_a_stray_path_does_not_end_the_login",
    ),
    out(
        "path-to-the-letter",
        "only-the-redirect",
        GATE,
        "return path in self._paths",
        "return any(path.startswith(known) for known in self._paths)",
        f"{TEST_REQUESTS}::test_a_stray_path_does_not_end_the_login",
    ),
    out(
        "only-get-and-post",
        "only-the-redirect",
        HANDLER,
        "    def send_error(self, code: int",
        "    do_PUT = do_GET\n\n    def send_error(self, code: int",
        f"{TEST_REQUESTS}::test_only_get_and_post_end_the_login",
    ),
    out(
        "forwarded-paths",
        "forwarded",
        GATE,
        'if char == "/"] if forwarded else [0]',
        "]",
        f"{TEST_ADDRESS}::test_the_path_is_cut_by_proxies_only",
    ),
    out(
        "forwarded-hosts",
        "forwarded",
        GATE,
        "return host.strip().lower() in self._hosts",
        "return True",
        f"{TEST_ADDRESS}::test_a_forwarded_listener_is_as_strict_as_any",
    ),
    out(
        "forgery-ends-the-login",
        "forged-redirect",
        ATTEMPT,
        "return Reply(ended=False, success=False, text=str(why))",
        'with self._lock:\n                    return self._reply or self._end(LoginRefused(str(why), error="", error_description=""))',
        f"{TEST_ATTEMPT}::test_a_forgery_meanwhile_does_not_wait_and_does_not_end_it",
    ),
    out(
        "repeated-redirect",
        "repeated-redirect",
        ATTEMPT,
        "return self._reply or self._exchange(code)",
        "return self._exchange(code)",
        f"{TEST_ATTEMPT}::test_the_first_accepted_redirect_wins",
    ),
    out(
        "two-at-once",
        "code-once",
        ATTEMPT,
        "        with self._lock:\n            return self._reply or self._exchange(code)",
        "        return self._reply or self._exchange(code)",
        f"{TEST_ATTEMPT}::test_two_threads_that_deliver_at_once_exchange_once",
    ),
    out(
        "foreign-issuer-ends-it",
        "issuer",
        ATTEMPT,
        "except (LoginRefused, ServerError) as error:",
        "except LoginRefused as error:",
        f"{TEST_ATTEMPT}::test_another_issuer_ends_the_login",
    ),
    # Requests that are no redirect
    out(
        "idle-limit",
        "idle-connections",
        HANDLER,
        "    timeout = IDLE_LIMIT\n",
        "    timeout = None\n",
        f"{TEST_REQUESTS}::test_a_silent_connection_is_closed_in_the_end",
    ),
    out(
        "most-connections",
        "flood",
        CONNECTIONS,
        "self._drop_oldest(self._fewer if scarce else self._most)",
        "pass",
        f"{TEST_REQUESTS}::test_150_idle_connections_take_no_150_threads",
    ),
    out(
        "spare-descriptors",
        "flood",
        CONNECTIONS,
        "min(MOST_CONNECTIONS, room)",
        "MOST_CONNECTIONS",
        "hostile/test_hostile_page.py::test_a_flood_takes_neither_the_descriptors_nor_the_threads_that_the_login_needs",
    ),
    out(
        "answered-are-kept",
        "flood",
        CONNECTIONS,
        "self._idle.pop(connection, None)\n            else",
        "pass\n            else",
        "callbacks/test_answer_is_kept.py::test_the_redirect_that_is_being_answered_is_not_dropped",
    ),
    out(
        "head-limit",
        "head-limit",
        CONNECTIONS,
        "if self.left < 0:",
        "if False:",
        "hostile/test_hostile_page_requests.py::test_a_head_without_end_is_cut_off",
    ),
    out(
        "old-http",
        "broken-requests",
        HANDLER,
        'default_request_version = "HTTP/1.0"',
        'default_request_version = "HTTP/0.9"',
        f"{TEST_REQUESTS}::test_a_broken_request_gets_a_whole_answer",
        also=(Edit(HANDLER, "self.request_version = self.protocol_version", "pass"),),
        doubled="each answer is sent as one of HTTP/1.1",
    ),
    out(
        "broken-target",
        "broken-requests",
        HANDLER,
        "        except ValueError:\n            self.send_error(400)\n            return None",
        "        except ZeroDivisionError:\n            return None",
        "hostile/test_hostile_page_requests.py::test_no_request_but_the_redirect_ends_the_login",
    ),
    out(
        "lingers",
        "broken-requests",
        HANDLER,
        "while self.connection.recv(65536) and",
        "while False and",
        f"{TEST_REQUESTS}::test_a_query_of_a_megabyte_is_refused_with_a_page",
    ),
    out(
        "requests-logged",
        "nothing-logged",
        HANDLER,
        '        """Log nothing: the request line holds the authorization code, and headers may hold cookies."""',
        "        super().log_message(format, *args)",
        f"{TEST_REQUESTS}::test_nothing_is_printed_or_logged",
    ),
    out(
        "faults-printed",
        "nothing-logged",
        LOOPBACK,
        '        """Print nothing: a browser that hangs up is normal, and a traceback would show the request."""',
        "        super().handle_error(request, client_address)",
        f"{TEST_REQUESTS}::test_nothing_is_printed_or_logged",
    ),
)
