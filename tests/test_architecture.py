"""The layers, the lazy imports and the public names."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Sent, Web, make_token

import aventus_creds
from aventus_creds import api, clients
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.stores.opening import default_store

PACKAGE = Path(aventus_creds.__file__).parent

# Imports fall: each folder imports only what stands on a later line, never its neighbours on the same one.
HOUSE = """
    __main__ __pyinstaller
    magics
    cli server_extension
    calls client_calls
    clients
    api
    step_up
    notebook
    session logins
    sources
    stores oauth callbacks
    profiles
    tokens
    basics
    errors
    structs
"""
LEVELS = [set(line.split()) for line in reversed(HOUSE.strip().splitlines())]
EVERY_FOLDER = {folder for level in LEVELS for folder in level}
PURE = (
    *("errors", "tokens", "basics.hidden", "basics.urls", "basics.redact"),
    *(
        "profiles.providers.__init__",
        "profiles.grants",
        "profiles.stores",
        "profiles.callbacks",
        "profiles.keys",
    ),
    *("profiles.checks", "profiles.profile", "oauth.request", "oauth.answer", "oauth.code_grant"),
    *("profiles.client_auths", "profiles.token_places", "profiles.machine_keys", "profiles.machine_checks"),
    *("oauth.pushed", "oauth.token_types", "oauth.proofs"),
    *("oauth.client_auth", "oauth.found", "oauth.assertions", "oauth.machine_requests"),
)
INPUT_AND_OUTPUT = {
    *("socket", "requests", "subprocess", "http", "webbrowser"),
    *("time", "random", "secrets", "threading"),
}
OF_OTHER_STORES = {
    *("redis", "keyring", "cryptography"),
    "aventus_creds.profiles.store_keys",
}
OF_SHARED_PROFILES = {f"aventus_creds.profiles.{name}" for name in ("inherited", "included", "variables")}
HEAVY = {
    *OF_OTHER_STORES,
    *OF_SHARED_PROFILES,
    "requests",
    "urllib3",
    "ipywidgets",
    "IPython",
    "filelock",
    "click",
    "rich",
    "http.server",
    "dataclasses",
    "redis",
    "cryptography",
    "joserfc",
}


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py") if parts[0] != "__init__.py" else "aventus_creds"


def imports(path: Path, *, everywhere: bool = True) -> set[str]:
    """Return the modules that a file imports, at its top level or also inside its functions."""
    tree = ast.parse(path.read_text("utf-8"))
    found = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def own(modules: set[str]) -> set[str]:
    """Return the rooms among ``modules``."""
    return {module.split(".")[1] for module in modules if module.startswith("aventus_creds.")}


FILES = sorted(path for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_fall(path: Path) -> None:
    """A folder imports only what is below it; the sandbox imports nothing of the client, and only cli the sandbox."""
    name = room(path)
    used = own(imports(path)) & (EVERY_FOLDER | {"sandbox"}) - {name}
    if name == "sandbox":
        assert not used
    elif name != "aventus_creds":  # its one table is loaded lazily
        level = next(i for i, folders in enumerate(LEVELS) if name in folders)
        below = set[str]().union(*LEVELS[:level])
        assert used <= below | ({"sandbox"} if name == "cli" else set())


def test_every_folder_has_a_level() -> None:
    """A new folder or module takes its place in the house."""
    assert {room(path) for path in FILES} - {"aventus_creds", "sandbox"} == EVERY_FOLDER


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_do_no_input_or_output(name: str) -> None:
    """The protocol and what it stands on have no socket, clock or randomness."""
    path = PACKAGE / f"{name.replace('.', '/')}.py"
    tops = {module.split(".")[0] for module in imports(path, everywhere=False)}
    assert not tops & INPUT_AND_OUTPUT


def test_no_other_module_compares_provider_names() -> None:
    """How servers differ is a row of the table; a name elsewhere would be a special case."""
    for path in FILES:
        if room(path) in {"sandbox", "cli"} or "providers" in path.parts:
            continue
        texts = {
            node.value
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Constant)
        }
        assert not texts & PROVIDERS.keys() - {"x", "oidc"}, path  # texts that mean other things too


def test_no_other_module_compares_grant_names() -> None:
    """What a grant needs and where its tokens come from are columns of its row."""
    for path in FILES:
        if room(path) in {"sandbox", "cli"} or path.parts[-2:] == ("profiles", "grants.py"):
            continue
        compared = {
            constant.value
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Compare)
            for constant in ast.walk(node)
            if isinstance(constant, ast.Constant)
        }
        assert not compared & {"token_exchange", "jwt_bearer", "given", "client_credentials"}, path


def test_rooms_stay_small() -> None:
    """A file that grows past about 300 lines does a second thing."""
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > 330} == {}


def loaded(code: str) -> set[str]:
    """Run ``code`` in a fresh interpreter and return the modules that are loaded then."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_import_loads_nothing_heavy() -> None:
    """``import aventus_creds`` at the top of a script costs next to nothing."""
    modules = loaded("import aventus_creds")
    assert not modules & (HEAVY | {"json", "tomllib", "platformdirs"})
    assert {module for module in modules if module.startswith("aventus_creds")} == {"aventus_creds"}


@pytest.fixture
def _logged_in(write_profiles: Callable[..., Path]) -> None:
    write_profiles(
        {"prod": {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://api.example.com"}}
    )
    key = read_profiles().profile("prod").key
    store = default_store()
    with store.lock(key):
        store.save(key, make_token())


@pytest.mark.usefixtures("_logged_in")
def test_get_session_with_a_cached_token_loads_only_requests() -> None:
    """A valid cached token needs no lock, no server, no browser and no terminal."""
    modules = loaded("from aventus_creds import get_session; get_session('prod')")
    assert "requests" in modules
    assert not modules & (HEAVY - {"requests", "urllib3"} - loaded("import requests"))
    assert not {name for name in modules if name.startswith("aventus_creds.profiles.machine")}
    assert not {f"aventus_creds.profiles.{name}" for name in ("client_auths", "token_places")} & modules
    assert (
        not {f"aventus_creds.{name}" for name in ("oauth", "logins", "callbacks", "notebook", "cli")}
        & modules
    )


def test_a_script_loads_no_row_but_its_own(write_profiles: Callable[..., Path]) -> None:
    """The table of providers is known by its names; of the rows, only those beside the profile's are loaded."""
    write_profiles(
        {"prod": {"provider": "aventus", "client_id": "c", "redirect_uri": "http://127.0.0.1:1/c"}}
    )
    rows = "aventus_creds.profiles.providers."
    modules = loaded("from aventus_creds.profiles.file import read_profiles; read_profiles().profile('prod')")
    assert {module.removeprefix(rows) for module in modules if module.startswith(rows)} == {"customers"}


def test_a_refresh_loads_no_person(write_profiles: Callable[..., Path], web: Web) -> None:
    """Under cron nobody logs in: neither the login nor the callbacks are loaded, nor anything of a notebook."""
    web.answer = lambda _: Sent(body={"access_token": "new", "token_type": "Bearer", "expires_in": 60})
    endpoints = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token"}
    write_profiles({"prod": {**endpoints, "client_id": "c", "api_url": web.url}})
    key = read_profiles().profile("prod").key
    store = default_store()
    with store.lock(key):
        store.save(key, make_token(age=7200, refresh_token="r"))
    modules = loaded("from aventus_creds import get_token; assert get_token('prod').access_token == 'new'")
    assert "aventus_creds.oauth.client" in modules
    assert not {f"aventus_creds.{name}" for name in ("logins", "callbacks", "notebook", "cli")} & modules
    assert not modules & (HEAVY - {"requests", "urllib3", "filelock", "dataclasses", "http.server"})
    assert "http.server" not in modules
    others = ("discovery", "documents", "swap", "certificate", "refusal", "facts", "token_types")
    assert not {f"aventus_creds.oauth.{name}" for name in others} & modules
    assert not {"aventus_creds.basics.redact", "aventus_creds.basics.terminal", "signal"} & modules


def test_requests_is_loaded_before_a_refresh_is_waited_for(write_profiles: Callable[..., Path]) -> None:
    """Programs that are started at once wait for one refresh: none of them has all of requests still to load then."""
    write_profiles({"prod": {"issuer": "https://a.test", "client_id": "c", "api_url": "https://a.test"}})
    modules = loaded(
        "import sys\n"
        "from aventus_creds import get_session\n"
        "from aventus_creds.stores.memory import MemoryStore\n"
        "class Store(MemoryStore):\n"
        "    def lock(self, key):\n"
        "        print(*sys.modules)\n"
        "        sys.exit()\n"
        "get_session('prod', store=Store())"
    )
    assert {"requests", "aventus_creds.session.session"} <= modules


@pytest.mark.usefixtures("_logged_in")
def test_get_token_with_a_cached_token_loads_no_requests() -> None:
    """``aventus-creds token`` stands in curl lines: it must be quick."""
    modules = loaded("from aventus_creds import get_token; get_token('prod')")
    assert not modules & HEAVY
    modules = loaded("from aventus_creds.cli.commands import run; assert run(['token', 'prod']) == 0")
    assert not modules & (HEAVY - {"click", "dataclasses"})


@pytest.mark.usefixtures("_logged_in")
def test_a_fresh_token_is_printed_without_the_command_line() -> None:
    """The program prints it at once; what it cannot do so, the command line does."""
    ask = "import sys; sys.argv = ['aventus-creds', 'token', 'prod'{}]; from aventus_creds.cli.program import main\n"
    ask += "try: main()\nexcept SystemExit as end: assert end.code == 0"
    assert not {"click", "requests"} & loaded(ask.format(""))
    assert "click" in loaded(ask.format(", '--header'"))


@pytest.mark.usefixtures("_logged_in")
def test_one_read_each_for_the_profile_and_the_token() -> None:
    """With a cached token, get_session opens the profiles file and the token file once each, and no lock."""
    code = """
import os, sys
import requests, tomllib, aventus_creds.api, aventus_creds.session.session, aventus_creds.stores.file
opened = []
sys.addaudithook(lambda event, args: event == "open" and not isinstance(args[0], int) and opened.append(str(args[0])))
aventus_creds.get_session("prod")
code = lambda name: "/lib/" in name or "__pycache__" in name or name.endswith((".py", ".pyc"))
mine = [os.path.basename(name) for name in opened if not code(name)]
print(sorted(name.split("-")[0] for name in mine))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['prod', 'profiles.toml']"


def test_the_statement_that_people_type_loads_next_to_nothing() -> None:
    """A thin function waits for the first call."""
    modules = loaded("from aventus_creds import get_session, get_token, login, logout")
    mine = {module for module in modules if module.startswith("aventus_creds")}
    assert mine == {"aventus_creds", "aventus_creds.calls"}
    assert not modules & (HEAVY | {"typing", "json", "tomllib", "platformdirs", "pathlib"})


@pytest.mark.parametrize(
    "name", [name for name, room in aventus_creds._ROOMS.items() if room in {"calls", "client_calls"}]
)
def test_a_thin_function_is_what_it_calls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To whoever reads it, and in what it hands over; what it calls is looked up at each call."""
    home = api if hasattr(api, name) else clients
    thin, whole = getattr(aventus_creds, name), getattr(home, name)
    assert inspect.signature(thin) == inspect.signature(whole)
    assert inspect.getdoc(thin) == inspect.getdoc(whole)
    assert (thin.__name__, thin.__annotations__) == (name, whole.__annotations__)
    given = {parameter: object() for parameter in inspect.signature(thin).parameters}
    monkeypatch.setattr(home, name, inspect.signature(whole).bind)
    assert thin(**given).arguments == given
    assert thin(given["name"]).arguments == {
        parameter.name: parameter.default if parameter.name != "name" else given["name"]
        for parameter in inspect.signature(whole).parameters.values()
    }


def test_public_names() -> None:
    """What users import, and nothing else, each with a docstring."""
    assert sorted(aventus_creds.__all__) == [
        "ApiSession",
        "AventusCredsError",
        "BearerAuth",
        "ConfigError",
        "LoginButton",
        "LoginError",
        "LoginRequired",
        "NetworkError",
        "SecretError",
        "ServerError",
        "StoreError",
        "Token",
        "async_token_provider",
        "get_async_client",
        "get_auth",
        "get_client",
        "get_session",
        "get_token",
        "login",
        "logout",
        "token_provider",
    ]
    assert dir(aventus_creds) == aventus_creds.__all__
    for name in aventus_creds.__all__:
        assert getattr(aventus_creds, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'get_sesion'"):
        aventus_creds.get_sesion  # type: ignore[attr-defined] # noqa: B018


def test_functions_are_not_hidden_by_modules() -> None:
    """A room called like a public function would take its place once it is imported."""
    names = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.name for path in PACKAGE.iterdir() if path.is_dir()
    }
    assert not names & set(aventus_creds.__all__)
