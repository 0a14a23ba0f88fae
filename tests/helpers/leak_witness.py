"""Runs in its own process, turns on as much logging and printing as possible, and prints everything it collects.

Each scenario function uses the package as users do. No variable in this file holds a secret.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
import os
import pickle
import pprint
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import aventus_creds

PACKAGE = str(Path(aventus_creds.__file__).parent)
SANCTIONED = {"http.client.send"}  # an event of the standard library that contains the request itself


def seen_variables(frame: FrameType | None) -> Iterator[str]:
    """Yield the package's variables on a stack, as tools show them that print variables."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(PACKAGE):
            for name, value in list(frame.f_locals.items()):
                yield f"{code.co_filename}:{code.co_name}: {name} = {text_of(value)}"
        frame = frame.f_back


def text_of(value: object) -> str:
    """Return the repr; and of a sequence or mapping what is in it, for some tools (Sentry) look there."""
    with suppress(Exception):
        inside = ""
        if isinstance(value, Mapping):
            inside = repr(dict(value))
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
            inside = repr(list(value))
        return f"{value!r} {inside}"
    return ""


def is_import(frame: FrameType | None) -> bool:
    """Whether a module is being loaded: that fails where it is installed badly, and holds up nothing."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Witness:
    """Notes every audit event: its arguments, and the variables of each thread that waits meanwhile.

    Whatever is done to the world raises an audit event (a file, a socket, a process), so these are the places
    where errors come from, and where Ctrl-C comes in.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._inside = threading.local()
        self.on = True

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on or event in SANCTIONED or event.startswith(("sys.", "object.", "code.", "import")):
            return
        if event in {"exec", "compile", "marshal.loads", "cpython._PySys_ClearAuditHooks", "os.listdir"}:
            return
        if getattr(self._inside, "now", False):
            return
        self._inside.now = True
        try:
            self.seen.add(f"audit {event} {text_of(args)}")
            if is_import(sys._getframe()):
                return
            me = threading.get_ident()
            for thread, frame in list(sys._current_frames().items()):
                # Look only at other threads that wait. The rest may be at places where nothing can fail.
                waits = frame.f_code.co_filename == threading.__file__ and "wait" in frame.f_code.co_name
                if thread == me or waits:
                    self.seen.update(seen_variables(frame))
        finally:
            self._inside.now = False


WITNESS = Witness()


def prepare() -> None:
    """Let every logger and warning speak, and every audit event be noted."""
    logging.basicConfig(level=0, format="%(name)s %(funcName)s %(message)s %(args)r", stream=sys.stderr)
    for name in ("aventus_creds", "asyncio", "urllib3", "requests", "filelock"):
        logging.getLogger(name).setLevel(1)
    logging.captureWarnings(True)
    warnings.simplefilter("always")
    asyncio.run(asyncio.sleep(0), debug=True)
    sys.addaudithook(WITNESS)


def finish() -> None:
    """Print what was noted."""
    WITNESS.on = False
    print("\n".join(sorted(WITNESS.seen)))
    sys.stdout.flush()


TURN = threading.Lock()


def tell(line: str) -> str:
    """Say a line to the test, and return its answer."""
    with TURN:
        os.write(int(os.getenv("TELL", "")), f"{line}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            answer += os.read(int(os.getenv("HEAR", "")), 65536)
        return answer.decode().strip()


def browser(url: str) -> None:
    """Be the person's browser: the test's robot opens the address, in its own process."""
    tell(f"open {url}")


def show(*things: object) -> None:
    """Print ``things`` in every way that people and tools print them."""
    for thing in things:
        print(repr(thing), str(thing), format(thing), f"{thing!r} {thing!s} {thing!a}", text_of(thing))
        print(pprint.pformat(thing, width=60))
        print(json.dumps([thing], default=str))
        print(json.dumps({"inside": [thing]}, default=repr))
        logging.getLogger("user").debug("%r %s", thing, thing)
        with suppress(TypeError):  # it has no __dict__
            print(vars(thing))
            print(pprint.pformat(vars(thing)))
        if dataclasses.is_dataclass(thing):
            print([getattr(thing, field.name) for field in dataclasses.fields(thing) if field.repr])
        for twin in (copy.copy, copy.deepcopy):
            with suppress(TypeError, ValueError, NotImplementedError):  # locks and widgets cannot be copied
                print(repr(twin(thing)))
        with suppress(TypeError, AttributeError, pickle.PicklingError):
            print(pickle.dumps(thing), pickle.dumps(thing, 0))


DRAWN: set[tuple[object, ...]] = set()


def show_error(error: BaseException) -> None:
    """Print a caught error with its traceback, in all ways, with variables too."""
    print(repr(error), str(error), error.args, vars(error))
    with suppress(TypeError):  # a request with a token refuses to be pickled
        print(pickle.dumps(error))
    logging.getLogger("user").error("it failed: %r", error, exc_info=error)
    traceback.print_exception(error, file=sys.stdout)
    chain: list[BaseException] = []
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is None or link in chain:
            continue
        chain.append(link)
        links += [link.__cause__, link.__context__]
    for link in chain:
        print(repr(link), link.args, vars(link))
        for frame, line in traceback.walk_tb(link.__traceback__):
            print(line, {name: text_of(value) for name, value in frame.f_locals.items()})
    draw(error)


def draw(error: BaseException) -> None:
    """Print ``error`` as IPython and rich do, once for each way that it comes: that is slow."""
    way = type(error), *((frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__))
    if way in DRAWN:
        return
    from IPython.core.ultratb import VerboseTB

    parts = type(error), error, error.__traceback__
    for kind in type(error).__mro__:  # CallbackError is drawn as its own subclass, say
        print(f"drawn: {kind.__name__}")
    print(re.sub(r"\x1b\[[0-9;]*m", "", VerboseTB(include_vars=True).text(*parts)))  # colours divide words
    if type(error) not in {kind for kind, *_ in DRAWN}:  # these show the variables, as is done above
        from rich.console import Console
        from rich.traceback import Traceback

        print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
        rich = Traceback.from_exception(
            *parts, show_locals=True, extra_lines=0, locals_max_string=9999, locals_max_length=99
        )
        Console(file=sys.stdout, width=400).print(rich)
    DRAWN.add(way)


@contextmanager
def failing(*kinds: type[BaseException]) -> Iterator[None]:
    """Expect one of these errors, and show it."""
    try:
        yield
    except kinds as error:
        print(f"failed as expected: {type(error).__name__}")
        show_error(error)
    else:
        raise AssertionError(f"none of {kinds} was raised")


# Scenarios


def logins() -> None:
    """Every grant, over the sandbox; sessions, refreshes, refusals and logouts."""
    from aventus_creds import BearerAuth, LoginRequired, get_session, get_token, login, logout
    from aventus_creds.errors import ConfigError
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store

    for name in ("aventus", "oidc", "athoc", "by-env", "by-file", "by-command", "basic"):
        token = login(name, browser=browser)
        show(token, read_profiles().profile(name), default_store())
    show(login("service"), login("by-device", device=True))
    session = get_session("athoc")
    source = session._bearer.source
    show(session, session.auth, session.profile, source, session.headers, session.adapters)
    show(BearerAuth(source, ["https://api.example.com"]))
    tell("revoke athoc-pkce access")
    answer = session.get("/v1/me")  # 401, so the token is refreshed and the request is repeated
    assert [old.status_code for old in answer.history] == [401]
    print(
        repr(answer),
        answer.history,
        repr(answer.request),
        session.get("/v1/redirect?to=" + os.getenv("ELSEWHERE", "")),
    )
    tell("revoke athoc-pkce all")
    with failing(LoginRequired):
        session.get("/v1/me")
    with failing(LoginRequired):
        get_token("athoc", min_ttl=10**9)
    show(logout("oidc"), logout("aventus"), logout("athoc"))
    with failing(LoginRequired):
        get_token("oidc", interactive=False)
    session = get_session("injected")
    show(session, session._bearer.source, get_token("injected"))
    assert session.get("/v1/me").status_code == 401
    with failing(LoginRequired):
        session._bearer.source.token(stale=get_token("injected"))
    with failing(ConfigError):
        get_token("damaged")


def errors() -> None:
    """Servers that quote what they were told, answers that are none, faults of files, commands and networks."""
    import requests

    from aventus_creds import AventusCredsError, get_session, get_token, login
    from aventus_creds.errors import InvalidAnswer, ProfileError, ProfilesFileError, SecretError, StoreError
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.file import FileStore

    trials = [("evil", mode) for mode in os.getenv("MODES", "").split()]
    trials += [("evil-basic", "quote"), ("evil-basic", "quote-text"), ("evil-basic", "quote-nested")]
    trials += [("evil-device", "quote"), ("evil-device", "unusable")]
    for name, mode in trials:
        tell(f"mode {mode}")
        with failing(AventusCredsError):
            login(name, browser=browser, device=name == "evil-device")
    for mode in ("denied", "foreign"):  # an error in the redirect; a redirect from another issuer
        tell(f"mode {mode}")
        with failing(AventusCredsError):
            login("evil", browser=browser)
    tell("mode nonce")
    with failing(InvalidAnswer):
        login("evil", browser=browser)
    tell("mode good")
    folder = Path(os.getenv("STATE_OF_NO_USE", ""))
    folder.write_text("no folder")
    with failing(StoreError):
        login("evil-service", store=FileStore(folder.parent))
    tell("mode good")
    with warnings.catch_warnings(record=True) as caught:
        token = login("evil", store=FileStore(folder.parent), browser=browser)
    show(token, *caught)
    with failing(StoreError):
        FileStore(folder).save("key", token)
    tell("mode interrupt")
    with failing(KeyboardInterrupt):
        login("evil-service")
    tell("mode good")
    get_token("evil-service")
    session = get_session("evil-service", interactive=False)
    with failing(requests.RequestException):
        session.get("http://127.0.0.1:1/", timeout=1)
    tell("mode drop")
    with failing(requests.RequestException):
        session.get("/v1/me")
    for name in ("two-lines", "no-text", "failing-command", "loud-command"):
        with failing(SecretError):
            login(name, browser=browser)
    with failing(ProfilesFileError):
        read_profiles(os.getenv("BROKEN_TOML", ""))
    with failing(ProfileError):
        read_profiles().profile("mistaken")


def every_kind() -> None:
    """Every kind of error in errors.py, and every step of a refresh that can fail."""
    import leak_kinds

    leak_kinds.every_kind(tell, browser, failing)


def widgets() -> None:
    """The panel: by the redirect, by pasting, a wrong address, and a logout; the magics; the command line."""
    import time

    import ipywidgets
    from IPython.core.interactiveshell import InteractiveShell

    from aventus_creds import LoginButton
    from aventus_creds.cli.commands import run

    def until(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    button = LoginButton("cidaas")
    until(lambda: button._login.state == "waiting")
    tell(f"open {button._login.url}")
    until(lambda: button._login.state == "in" and "Logged in" in button._status.value)
    show(button, button._login, button.session, ipywidgets.Widget.get_manager_state())
    pasted = LoginButton("by-paste")
    until(lambda: pasted._login.state == "waiting")
    pasted._paste.value = tell(f"address {pasted._login.url}").replace("state=", "state=x")
    until(lambda: "another state" in pasted._notice.value)
    begun = pasted._login._attempt
    pasted._again.click()
    until(lambda: pasted._login._attempt not in {None, begun} and pasted._login.url)
    pasted._paste.value = tell(f"address {pasted._login.url}")
    until(lambda: pasted._login.state == "in" and "Logged in" in pasted._status.value)
    show(pasted, pasted._login, pasted.with_plain_link(), pasted._repr_mimebundle_())
    state = ipywidgets.Widget.get_manager_state()
    print(json.dumps(state, default=str))
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "aventus_creds")
    print(repr(shell.run_line_magic("aventus_login", "by-paste")))
    shell.run_line_magic("aventus_status", "")
    tell("mode quote")
    for arguments in (
        *(
            ["status"],
            ["status", "--json"],
            ["profiles"],
            ["path"],
            ["doctor", "by-paste"],
            ["doctor", "cidaas"],
        ),
        *(["--debug", "token", "evil"], ["--debug", "token", "evil-service"], ["logout", "--all"]),
    ):
        print(arguments, run(arguments))


def machine() -> None:
    """Tokens and keys that the machine has: used, refused and quoted back, damaged and missing."""
    from aventus_creds import get_session, get_token, login, logout
    from aventus_creds.cli.commands import run
    from aventus_creds.errors import AventusCredsError
    from aventus_creds.oauth.places import read_place
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.sources.chain import machine_source, unattended_source

    for name in os.getenv("GOOD", "").split():
        profile = read_profiles().profile(name)
        session = get_session(name)
        show(
            profile,
            profile.machine,
            *(profile.machine or ()),
            session,
            session._bearer.source,
            get_token(name),
        )
        show(machine_source(profile), unattended_source(profile), session.get("/v1/me"), profile.key)
        for reference in profile.machine.references if profile.machine else ():
            if reference.kind not in {"profile", "file"}:
                show(read_place(reference, profile))
        show(login(name), logout(name))
    for mode in ("quote", "quote-nested", "unusable", "drop"):
        tell(f"mode {mode}")
        for name in os.getenv("EVIL", "").split():
            with failing(AventusCredsError):
                get_token(name)
    tell("mode good")
    for name in os.getenv("BAD", "").split():
        with failing(AventusCredsError):
            get_token(name)
    for arguments in (["status"], ["profiles"], ["doctor"], ["--debug", "token", "bad-key"]):
        print(arguments, run(arguments))


def proofs() -> None:
    """Tokens bound to a key: used, refreshed, refused and quoted back; and a key that is damaged."""
    import requests

    from aventus_creds import get_session, get_token, logout
    from aventus_creds.basics.hidden import Hidden
    from aventus_creds.errors import AventusCredsError
    from aventus_creds.oauth.client import OAuthClient
    from aventus_creds.oauth.proofs import APIS, SERVERS, ProofKey, proof_key_of
    from aventus_creds.profiles.file import read_profiles

    profile = read_profiles().profile("bound")
    session, client = get_session("bound"), OAuthClient(profile)
    answer = session.get("/v1/me")
    assert answer.ok
    print(repr(answer.request.headers["DPoP"]))
    show(profile, session, session.auth, session._bearer._presented, session._source, answer, client)
    show(get_token("bound"), proof_key_of(get_token("bound")), client.new_proof_key(), APIS, SERVERS)
    new = client.refresh(get_token("bound"), retries=0)
    show(new)
    for mode in ("quote", "quote-nested", "unusable", "other-type", "drop", "html"):
        tell(f"mode {mode}")
        with failing(AventusCredsError):
            get_token("evil-bound")
        with failing(requests.RequestException):
            session.get(os.getenv("EVIL_API", "") + "/me")
    tell("mode good")
    with failing(AventusCredsError):
        ProofKey.read(Hidden("damaged" + (new.proof_key or "")))
    show(logout("bound"))


def paste() -> None:
    """A login at a terminal, by pasting."""
    from aventus_creds import login

    threading.Thread(target=hand_over, daemon=True).start()
    show(login("by-paste", browser=URLS.append))


URLS: list[str] = []


def hand_over() -> None:
    """Tell the test the address, once."""
    import time

    while not URLS:
        time.sleep(0.01)
    tell(f"paste {URLS[0]}")


def plant() -> None:
    """The control: without the repr that hides, and with a file, a log and an error that tell, all is found."""
    from aventus_creds import login
    from aventus_creds.basics.hidden import Hidden

    Hidden.__repr__ = lambda self: f"<{self.reveal()!r}>"  # type: ignore[method-assign]
    login("by-file", browser=browser)
    told = os.getenv("PLANTED", "")
    logging.getLogger("somebody").debug("log %s", told)
    with suppress(OSError):
        os.open(f"/nowhere/{told}", os.O_RDONLY)
    with failing(ValueError):
        inner = told
        raise ValueError(len(inner))
    box = SimpleNamespace(inner=told)
    del told, inner
    with failing(ValueError):
        int(box.inner, 37)


if __name__ == "__main__":
    signal.alarm(100)  # ends the process even if it hangs
    prepare()
    for scenario in sys.argv[1:]:
        globals()[scenario]()
    finish()
