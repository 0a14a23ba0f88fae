"""Properties of profiles.toml: whatever it holds, there is a profile, or mistakes that say where they are."""

from __future__ import annotations

import datetime as dt
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st
from machine_profiles import MACHINE_NAMES
from strategies import NUMBERS, ODD_TEXT, SECRET, TEXT, assert_fit_to_be_shown, mutated, tries
from support import REPOSITORY

from aventus_creds import api
from aventus_creds.errors import (
    AventusCredsError,
    InsecureFileWarning,
    Problem,
    ProfileError,
    ProfileNotFound,
    ProfilesFileError,
    SecretError,
)
from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.included import why_not
from aventus_creds.profiles.keys import KEYS, all_keys
from aventus_creds.profiles.lines import line_of
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.profiles.variables import Variables
from aventus_creds.stores.memory import MemoryStore

EXAMPLE: Final = (REPOSITORY / "profiles.example.toml").read_bytes()
TOKENS: Final = (
    *(
        b"[profiles.prod]\n",
        b"[profiles]\n",
        b"[[profiles]]\n",
        b"[[profiles.prod]]\n",
        b"profiles.prod.x = 1\n",
    ),
    *(
        b'"',
        b"'",
        b'"""',
        b"'''",
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b".",
        b"#",
        b"\n",
        b"\r",
        b"\\u0000",
        b"\\uD800",
    ),
    *(
        b"1979-05-27",
        b"07:32:00",
        b"1e999",
        b"nan",
        b"-inf",
        b"0x" + b"f" * 99,
        b"9" * 5000,
        b"[" * 600,
        b"true",
    ),
    *(b"\xef\xbb\xbf", b"\xff", "\u202e".encode(), b"\x1b[31m", b"a." * 400 + b"a = 1\n", b"x" * 9000),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "profiles.toml"


def look_at(path: Path) -> list[Profile]:
    """Read everything in the file as a program does, and hold what errors there are against the rules."""
    lines = path.read_bytes().count(b"\n") + 1
    try:
        file = read_profiles(path)
    except ProfilesFileError as error:
        assert_fit_to_be_shown(error)
        return []
    problems: tuple[Problem, ...] = file.problems()
    found = []
    for name in (None, *file.names, "absent", "prod"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InsecureFileWarning)
                found.append(file.profile(name))
        except ProfileNotFound as error:
            assert_fit_to_be_shown(error)
        except ProfileError as error:
            assert_fit_to_be_shown(error)
            problems += error.problems
    for problem in problems:
        assert 1 <= problem.line <= lines
        assert str(problem).isprintable()
    for profile in found:
        assert SECRET not in repr(profile)
        assert len(profile.key) < 200
        assert os.sep not in profile.key
    return found


@tries(150)
@given(st.binary(max_size=200) | mutated(EXAMPLE, TOKENS))
@example(b'profiles = { "\\u001b[31m" = 1, "\\u202e" = {} }')
@example(b'"\\u001b]0;x\\u0007" = {}\ndefault = "\\n"')
def test_any_file_gives_profiles_or_mistakes(place: Path, content: bytes) -> None:
    """Bytes at random, and copies of the example with faults put in."""
    place.write_bytes(content)
    look_at(place)


TOML_KEYS: Final = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["env", "file", "command", "keyring", "username", "state", "prompt", "a.b", "", " ", "\x1b", "\u202e"]
)
TOML_VALUES: Final = st.recursive(
    st.booleans()
    | NUMBERS
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | ODD_TEXT.filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.datetimes(timezones=st.just(dt.UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TOML_KEYS, inner, max_size=3),
    max_leaves=5,
)
# Where a secret may stand by right or by mistake; what is wrong with the rest must not bring it up.
SECRETS: Final = st.sampled_from(
    [
        ("client_secret", SECRET),
        ("client_secret", f"{SECRET}\n"),
        ("client_secret", [SECRET]),
        ("client_secret", {"text": SECRET}),
        ("client_secret", {"env": "X", "value": SECRET}),
        ("client_secret", {"command": ["absent", SECRET]}),
        ("client_secret", {"command": [["absent"], SECRET]}),
        ("authorize_params", {"login_hint": SECRET, "state": SECRET}),
        ("token_params", {"assertion": [SECRET, 1], "client_assertion": SECRET}),
        ("token_params", SECRET),
        ("base_url", f"https://me:{SECRET}@host.example"),
        ("issuer", f"https://{SECRET} @host.example"),
        ("redirect_uri", [f"http://127.0.0.1/{SECRET}\t"]),
    ]
)
GOOD_START: Final = st.sampled_from(
    [
        {},
        {"issuer": "https://as.example.com", "client_id": "c"},
        {"provider": "athoc", "base_url": "https://as.example.com", "org_code": "o", "client_id": "c"},
        {"provider": "aventus", "client_id": "c", "grant": "client_credentials"},
        {"provider": "cidaas", "grant": "device", "client_id": "c"},
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a profile in which anything may be wrong, with a planted secret."""
    wrong = draw(st.dictionaries(st.sampled_from(list(all_keys())) | TOML_KEYS, TOML_VALUES, max_size=5))
    return {**draw(GOOD_START), **wrong, **dict([draw(SECRETS)])}


@tries(100)
@given(
    st.dictionaries(st.just("prod") | TOML_KEYS, tables() | TOML_VALUES, max_size=3) | TOML_VALUES,
    st.dictionaries(st.sampled_from(["default", "profile", "prod"]) | TOML_KEYS, TOML_VALUES, max_size=2),
)
def test_any_toml_gives_profiles_or_mistakes(place: Path, profiles: Any, top: dict[str, Any]) -> None:
    """Values of wrong types, odd keys and names; and a secret that no mistake beside it brings up."""
    place.write_bytes(tomli_w.dumps({**top, "profiles": profiles}).encode())
    look_at(place)


@tries(80)
@given(tables())
@example({"authorize_params": {"\x1f": False}})
def test_each_mistake_is_on_its_line(table: dict[str, Any]) -> None:
    """The line has the key that the mistake is about, or heads the profile where the key is missing."""
    text = "\n# a comment\n" + tomli_w.dumps({"profiles": {"prod": table}})
    lines = text.split("\n")
    with warnings.catch_warnings(), suppress(ProfileError):
        warnings.simplefilter("ignore", InsecureFileWarning)
        ProfilesFile(Path("profiles.toml"), text).profile("prod")
    _, mistakes = check_profile("prod", table, folder=Path())
    for key, _ in mistakes:
        line = lines[line_of(text, ("profiles", "prod", *key)) - 1]
        if key and key[0] in table:
            assert any(tomli_w.dumps({part: 0}).removesuffix(" = 0\n") in line for part in {key[0], key[-1]})
        else:
            assert line.startswith("[profiles.prod")


@pytest.mark.parametrize("opening", ["x = ", "[profiles.prod]\nscope = "])
def test_lists_as_deep_as_the_interpreter_can_read(tmp_path: Path, opening: str) -> None:
    """At the depth where the file can just be read, wording its mistakes must not go one level too deep."""
    path = tmp_path / "profiles.toml"
    for depth in (10, *range(400, 510)):
        path.write_text(opening + "[" * depth + "]" * depth + "\n")
        look_at(path)


# What is valid

URLS: Final = st.builds(
    "https://{}{}{}".format,
    st.sampled_from(["a.example", "xn--hst-sna.example", "my_host.lan", "[2001:db8::1]", "10.0.0.1"]),
    st.sampled_from(["", ":1", ":8443", ":443"]),
    st.sampled_from(["", "/", "/a/b", "/%7Bx%7D/", "/a.b-c~d", "/;x=1"]),
)
CLEAN: Final = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)
PARAMS: Final = st.dictionaries(
    CLEAN.map("x-{}".format), st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.lists(CLEAN)
)
OPTIONAL: Final = st.fixed_dictionaries(
    {},
    optional={
        "scope": st.lists(st.text("abc:/.-_", min_size=1), max_size=3),
        "audience": CLEAN,
        "api_url": URLS,
        "api_origins": st.lists(URLS.map(lambda url: "/".join(url.split("/")[:3])), max_size=2),
        "authorize_params": PARAMS,
        "token_params": PARAMS,
        "token_request": st.sampled_from(["form", "json"]),
        "client_auth": st.sampled_from(["post", "basic"]),
        "login_timeout": st.floats(0.001, 86400) | st.integers(1, 86400),
        "timeout": st.floats(0.001, 86400) | st.integers(1, 86400),
        "retries": st.integers(0, 20),
        "revoke_url": URLS,
        "callback": st.sampled_from(["auto", "paste", "widget"]),
        "scope_separator": st.sampled_from([" ", ",", ";"]),
        "token_path": st.sampled_from(["a", "a.b", "a[b=c.d]", "a[b=c].d"]),
        "bearer": st.sampled_from(["access_token", "id_token"]),
        "api_auth": st.sampled_from(["X-Own: {token}", "Authorization: Own {token}"]),
        "refresh_scope": st.booleans(),
        "swap_url": URLS,
        "token_headers": st.dictionaries(
            st.from_regex(r"X-[A-Za-z0-9-]{1,9}", fullmatch=True), st.just("1"), max_size=1
        ),
    },
)


OF_MACHINES: Final[dict[str, dict[str, Any]]] = {
    "token_exchange": {"subject_token": {"oidc": "a b"}},
    "jwt_bearer": {"client_key": {"file": "a b"}},
    "given": {"token": {"command": ["x", "-y"]}},
}


def literal(value: Any) -> Any:
    """Return ``value`` so written that no variable is filled in."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list) else value


@st.composite
def valid_tables(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a profile without a mistake."""
    grant = draw(st.sampled_from(list(GRANTS.values())))
    table = draw(OPTIONAL) | {"client_id": draw(CLEAN), "grant": grant.name}
    table |= draw(
        st.sampled_from(
            [
                {"issuer": draw(URLS)},
                {"authorize_url": draw(URLS), "token_url": draw(URLS), "device_url": draw(URLS)},
                {"provider": "cidaas", "base_url": draw(URLS)},
                *(
                    [{"provider": "athoc", "base_url": draw(URLS), "org_code": draw(CLEAN)}]
                    if grant.name in PROVIDERS["athoc"].grants
                    else []
                ),
            ]
        )
    )
    if grant.client_secret == "required":
        table["client_secret"] = draw(
            st.sampled_from([dict[str, Any](env="X"), {"file": "a b"}, {"command": ["x", "-y"]}])
        )
    table |= {key: "urn:its:own" for key, _ in grant.needs if key in KEYS}
    table |= OF_MACHINES.get(grant.name, {})
    if table.keys() & OF_MACHINES["jwt_bearer"].keys():
        table.pop("client_auth", None)  # it may be for a secret
    if grant.redirects:
        table["redirect_uri"] = draw(
            st.lists(URLS, min_size=1, max_size=2) | st.just("http://127.0.0.1:8765/cb")
        )
    return table


@tries(50)
@given(st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True), valid_tables())
def test_a_valid_profile_survives_its_file(place: Path, name: str, table: dict[str, Any]) -> None:
    """What is written as TOML and read again is the same profile, with its values as they were given."""
    values, mistakes = check_profile(name, table, folder=place.parent)
    assert not mistakes
    place.write_bytes(tomli_w.dumps({"default": name, "profiles": {name: literal(table)}}).encode())
    file = read_profiles(place)
    assert not file.problems()
    profile = file.profile()
    expected = Profile(**values, path=str(place))
    assert repr(profile) == repr(expected)
    assert profile.key == expected.key
    for key in table.keys() - {"grant", "client_secret", "provider", "base_url", "org_code", "redirect_uri"}:
        if key not in {"scope", "api_origins", "authorize_params", *MACHINE_NAMES}:
            assert getattr(profile, key) == table[key]
    assert profile.scope.split() == table.get("scope", profile.scope.split())
    assert table.get("authorize_params", {}).items() <= profile.authorize_params.items()


# Secrets, and the environment

ENVIRONMENT_TEXT: Final = st.binary(max_size=30).map(os.fsdecode).filter(lambda text: "\0" not in text)


@tries(60)
@given(
    st.sampled_from(["env", "file"]), st.binary(max_size=30) | TEXT.map(lambda t: t.encode("utf-8", "ignore"))
)
def test_any_secret_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, content: bytes
) -> None:
    """The secret is one printable line; where it is not, the error does not repeat what was there."""
    content = content.replace(b"\0", b"") if kind == "env" else content
    path = tmp_path_factory.getbasetemp() / "the.secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        if kind == "env":
            patch.setenv("THE_SECRET", os.fsdecode(content))
        reference = SecretRef("env", "THE_SECRET") if kind == "env" else SecretRef("file", str(path))
        try:
            secret = reference.read()
        except SecretError as error:
            assert_fit_to_be_shown(error)
            told = str(error)
            assert len(content) < 8 or os.fsdecode(content) not in told
        else:
            assert secret
            assert secret.isprintable()
            assert secret == content.decode("utf-8-sig" if kind == "file" else "utf-8").rstrip(
                "\r\n" * (kind == "file")
            )


@tries(60)
@given(
    st.one_of(
        st.tuples(st.sampled_from(["env", "file"]), TOML_VALUES),
        st.tuples(st.just("command"), st.lists(CLEAN.map("/absent/{}".format) | TOML_VALUES, max_size=3)),
    )
)
def test_any_reference_leads_somewhere_or_is_told(reference: tuple[str, Any]) -> None:
    """Names of variables, files and programs that cannot be: a mistake of the profile, or a secret not found."""
    kind, target = reference
    table = {"issuer": "https://as.example.com", "client_id": "c", "client_secret": {kind: target}}
    if kind == "command" and target and not str(target[0]).startswith("/absent/"):
        target[0] = f"/absent/{target[0]}"  # no program of this machine is run
    values, mistakes = check_profile("prod", table, folder=Path("/absent"))
    assert all(what.isprintable() for _, what in mistakes)
    if not mistakes:
        with pytest.raises(SecretError) as caught:
            values["client_secret"].read()
        assert_fit_to_be_shown(caught.value)


@tries(100)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("AVENTUS_CREDS_PROFILE", "AVENTUS_CREDS_PROFILES", "AVENTUS_CREDS_INTERACTIVE"),
                *("AVENTUS_CREDS_STATE_DIR", "AVENTUS_CREDS_TOKEN_PROD", "AVENTUS_CREDS_TOKEN_A_B"),
            ]
        ),
        ENVIRONMENT_TEXT
        | st.sampled_from(["prod", "a-b", "0", "1", "profiles.toml", SECRET, f"{SECRET}\x1b"]),
        max_size=4,
    ),
    st.booleans(),
)
def test_any_environment_gives_a_token_or_an_error(
    place: Path,
    variables: dict[str, str],
    stored: bool,  # noqa: FBT001 - drawn
) -> None:
    """Each variable may hold anything: a token comes out only where one was put, and is never told."""
    place.write_text(tomli_w.dumps({"profiles": dict.fromkeys(["prod", "a-b"], CLIENT)}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.parent)
        patch.setenv("AVENTUS_CREDS_PROFILES", "profiles.toml")
        patch.setenv("AVENTUS_CREDS_INTERACTIVE", "0")
        for name, value in variables.items():
            if SECRET in value and "TOKEN" not in name:  # no place for a secret
                continue
            if "/" not in value and "~" not in value and ".." not in value:
                patch.setenv(name, value)
        try:
            token = api.get_token(store=MemoryStore() if stored else None, interactive=False)
        except AventusCredsError as error:
            assert SECRET not in str(error)  # noqa: PT017 - some environments are good
        else:
            assert token.access_token in {value.strip() for value in variables.values()}


CLIENT: Final = {"issuer": "https://as.example.com", "client_id": "c"}


# Profiles that share

REFERENCES: Final = st.sampled_from(
    [
        "${THE_SECRET}",
        "a${THE_SECRET}b",
        "$${THE_SECRET}",
        "${",
        "${}",
        "${NO_SUCH}",
        "$$",
        {"env": "THE_SECRET"},
    ]
)
FILLED: Final = (
    REFERENCES
    | st.lists(REFERENCES | TOML_VALUES, max_size=2)
    | st.dictionaries(TOML_KEYS, REFERENCES | st.lists(REFERENCES, max_size=2), max_size=2)
)
NAMES: Final = st.sampled_from(["prod", "base", "middle", "shared", "\x1b", ""])


@st.composite
def sharing_tables(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a profile that may extend any other, and may refer to variables anywhere."""
    table = draw(GOOD_START) | draw(
        st.dictionaries(st.sampled_from(list(all_keys())), FILLED | TOML_VALUES, max_size=3)
    )
    if draw(st.booleans()):
        table["extends"] = draw(NAMES)
    return table


SHARING_FILES: Final = st.fixed_dictionaries(
    {"profiles": st.dictionaries(NAMES, sharing_tables() | TOML_VALUES, max_size=4)},
    optional={
        "defaults": st.dictionaries(st.sampled_from(list(all_keys())), FILLED | TOML_VALUES, max_size=2)
        | TOML_VALUES,
        "default": NAMES,
        "include_origins": st.just(["https://as.example.com"]) | TOML_VALUES,
    },
)


@tries(100)
@given(
    SHARING_FILES,
    SHARING_FILES,
    st.sampled_from([["team.toml"], ["team.toml", "team.toml"], ["\x1b\n"], [], ["profiles.toml"]])
    | TOML_VALUES,
)
def test_any_files_that_share_give_profiles_or_mistakes(
    tmp_path_factory: pytest.TempPathFactory, own: dict[str, Any], team: dict[str, Any], include: Any
) -> None:
    """Chains, circles, names that both have, variables anywhere: lines that exist, and no value of a variable."""
    folder = tmp_path_factory.mktemp("share")
    (folder / "team.toml").write_bytes(tomli_w.dumps(team).encode())
    path = folder / "profiles.toml"
    path.write_bytes(tomli_w.dumps({"include": include, **own}).encode())
    texts = {"profiles.toml": path.read_text("utf-8"), "team.toml": (folder / "team.toml").read_text("utf-8")}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureFileWarning)
        patch.setenv("THE_SECRET", SECRET)
        file = read_profiles(path)
        problems = list(file.problems())
        for name in filter(None, file.names):
            assert file.is_base(name) <= bool(file.extended_by(name))
            try:
                profile = file.profile(name)
            except ProfileError as error:
                assert_fit_to_be_shown(error)
                problems += error.problems
            else:
                assert not profile.included or SECRET not in repr(profile)
    for problem in problems:
        assert 1 <= problem.line <= texts[problem.file].count("\n") + 1
        assert str(problem).isprintable()


@tries(100)
@given(st.sampled_from(sorted(all_keys())), FILLED | TOML_VALUES)
def test_what_is_included_reads_no_variable(key: str, value: Any) -> None:
    """Whatever the values look like: where one would be filled in, an included file may not hold it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THE_SECRET", SECRET)
        filled = Variables().fill(key, value)
    assert filled == value or why_not(key, value)
