"""The extension of Jupyter servers, and the doors of logins."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant, out

RENDEZVOUS: Final = "callbacks/rendezvous.py"
HANDLER: Final = "server_extension/handler.py"
TEST_REDIRECT: Final = "server_extension/test_redirect.py"
TEST_STRANGERS: Final = "server_extension/test_strangers.py"
TEST_KERNELS: Final = "server_extension/test_in_kernels.py"
TEST_WAYS: Final = "callbacks/test_through_jupyter.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # Who may hand a redirect over
    out(
        "redirect-without-login",
        "extension-own-user",
        HANDLER,
        '    @web.authenticated\n    @authorized("execute")\n',
        "",
        f"{TEST_REDIRECT}::test_a_browser_that_is_not_logged_in_reaches_no_login",
    ),
    out(
        "redirect-of-a-reader",
        "extension-own-user",
        HANDLER,
        '    @authorized("execute")\n',
        "",
        f"{TEST_REDIRECT}::test_a_guest_who_may_run_nothing",
    ),
    out(
        "redirect-of-a-guest",
        "extension-own-user",
        HANDLER,
        "if self._owner and self.current_user.username != self._owner:",
        "if False:",
        f"{TEST_REDIRECT}::test_a_server_of_somebody_else",
    ),
    out(
        "redirect-with-a-token",
        "extension-own-user",
        HANDLER,
        'request.query, request.arguments, request.query_arguments = "", {}, {}',
        'request.query = ""',
        f"{TEST_REDIRECT}::test_a_browser_that_is_not_logged_in_reaches_no_login",
    ),
    out(
        "any-state",
        "extension-foreign-link",
        RENDEZVOUS,
        "path = folder.path / name\n    unix",
        "name = next(each.name for each in folder.path.iterdir() if len(each.name) == _HASH)\n"
        "    path = folder.path / name\n    unix",
        f"{TEST_REDIRECT}::test_two_logins_at_once",
    ),
    out(
        "login-form-with-the-code",
        "extension-unlogged",
        HANDLER,
        'if "?" not in url:',
        "if False:",
        f"{TEST_REDIRECT}::test_a_browser_that_is_not_logged_in_reaches_no_login",
    ),
    # What is logged and shown
    out(
        "redirect-logged",
        "extension-unlogged",
        HANDLER,
        "self.request.uri = self.request.path",
        "pass",
        f"{TEST_REDIRECT}::test_the_log_has_no_code",
        f"{TEST_REDIRECT}::test_a_fault_of_the_extension_shows_no_code",
    ),
    out(
        "hub-log-with-the-code",
        "extension-unlogged",
        HANDLER,
        '        """Return what errors are logged with."""\n        self._mask()\n',
        '        """Return what errors are logged with."""\n',
        f"{TEST_REDIRECT}::test_a_hub_logs_in_on_the_way",
    ),
    out(
        "extension-headers",
        "extension-page",
        HANDLER,
        "self.set_header(name, value)",
        "pass",
        f"{TEST_REDIRECT}::test_a_redirect_ends_the_login",
    ),
    # The door
    out(
        "door-admits-anybody",
        "door-own-user",
        RENDEZVOUS,
        "return self.key is not None or same_user(visitor)",
        "return True",
        f"{TEST_STRANGERS}::test_another_user_is_not_answered",
    ),
    out(
        "door-of-anybody",
        "door-own-user",
        RENDEZVOUS,
        "known = same_user(visit)",
        "known = True",
        f"{TEST_STRANGERS}::test_a_door_of_another_user_gets_nothing",
    ),
    out(
        "folder-of-a-door",
        "door-own-user",
        RENDEZVOUS,
        "        self.key: Hidden[bytes] | None = None\n        folder.make()\n",
        "        self.key: Hidden[bytes] | None = None\n",
        f"{TEST_REDIRECT}::test_a_folder_that_others_can_enter_is_closed",
        f"{TEST_STRANGERS}::test_a_folder_of_another_user_is_refused",
    ),
    out(
        "folder-of-a-visit",
        "door-own-user",
        RENDEZVOUS,
        "        folder.make()\n        visit = _visit",
        "        visit = _visit",
        f"{TEST_REDIRECT}::test_a_folder_that_others_can_enter_is_closed",
        f"{TEST_STRANGERS}::test_a_folder_of_another_user_is_refused",
    ),
    out(
        "door-mode",
        "door-own-user",
        RENDEZVOUS,
        "        fresh.chmod(0o600)\n",
        "",
        f"{TEST_REDIRECT}::test_only_this_user_can_reach_the_door",
    ),
    out(
        "visitor-without-a-key",
        "door-key",
        RENDEZVOUS,
        "if not hmac.compare_digest(answer[_HASH:], ",
        "if not (answer[_HASH:], ",
        f"{TEST_STRANGERS}::test_who_has_not_read_the_key_is_not_heard",
    ),
    out(
        "listener-without-a-key",
        "door-key",
        RENDEZVOUS,
        "known = _prove(visit, folder.read(name))",
        "known = _prove(visit, folder.read(name)) or True",
        f"{TEST_STRANGERS}::test_whoever_has_the_port_of_a_dead_login_gets_nothing",
    ),
    out(
        "door-left-open",
        "door-closed",
        RENDEZVOUS,
        "        with suppress(OSError):\n            self.path.unlink()\n",
        "",
        f"{TEST_REDIRECT}::test_a_redirect_ends_the_login",
        f"{TEST_KERNELS}::test_an_interrupt",
        f"{TEST_KERNELS}::test_a_time_limit",
    ),
    out(
        "doors-of-the-dead",
        "door-closed",
        "callbacks/jupyter.py",
        "        sweep(self._folder)\n",
        "",
        f"{TEST_REDIRECT}::test_a_killed_kernel",
    ),
    out(
        "forked-child-at-the-door",
        "door-closed",
        "callbacks/jupyter.py",
        "in_each_child(_close_in_child)",
        "",
        f"{TEST_REDIRECT}::test_a_child_that_outlives_its_login",
    ),
    # Which server it is
    out(
        "server-elsewhere",
        "extension-elsewhere",
        "callbacks/announcement.py",
        "if machine != platform.node():",
        "if False:",
        f"{TEST_KERNELS}::test_on_another_machine",
    ),
    out(
        "server-that-has-ended",
        "extension-elsewhere",
        "callbacks/announcement.py",
        'return (server, "") if _runs(pid) else (None, _ENDED)',
        'return (server, "")',
        f"{TEST_KERNELS}::test_the_end_of_the_server",
    ),
    out(
        "why-it-is-pasted",
        "extension-elsewhere",
        "callbacks/opening.py",
        "return None, jupyter.why_not\n",
        'return None, ""\n',
        f"{TEST_WAYS}::test_without_a_server_it_is_pasted_and_said_why",
    ),
    out(
        "address-by-a-foreign-page",
        "extension-address",
        "server_extension/address.py",
        'own = said.partition("://")[2] == handler.request.host',
        "own = True",
        f"{TEST_WAYS}::test_what_a_browser_shows_of_the_address",
    ),
    # A port that is forwarded, on a hub
    out(
        "another-users-server",
        "shared-hub-port",
        "callbacks/handler.py",
        'if any(map(of_another_server, self.headers.get_all("X-Forwarded-Context", []))):',
        "if False:",
        "callbacks/test_loopback_address.py::test_a_redirect_by_another_users_server_is_refused",
    ),
    out(
        "shared-port-is-said",
        "shared-hub-port",
        "callbacks/opening.py",
        'return SHARED_PORT if forwarded and CALLBACKS[profile.callback].listens else ""',
        'return ""',
        f"{TEST_WAYS}::test_doctor_names_the_way_and_what_to_register",
        f"{TEST_WAYS}::test_the_panel_says_why_not_by_a_port",
    ),
)
