from __future__ import annotations

import json
import tomllib
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import machine_profiles
import pytest
from profile_texts import ATHOC, AVENTUS, CIDAAS, ISSUER, LOOPBACK, PLAIN, several, uncommented
from support import REPOSITORY

from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.schema import reference, schema
from aventus_creds.profiles.store_keys import REDIS_SCHEMES, STORE_KEYS, check_store

PACKAGE = REPOSITORY / "aventus_creds"
VALIDATOR = jsonschema.Draft7Validator(schema())


def schema_takes(document: Any) -> bool:
    """Return whether an editor would be content."""
    return bool(VALIDATOR.is_valid(document))


def test_the_packaged_file_is_made_from_the_table() -> None:
    """profiles/schema.json is up to date: python -m tests.made writes it."""
    packaged = (PACKAGE / "profiles" / "schema.json").read_text("utf-8")
    assert packaged == json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def test_it_is_a_json_schema() -> None:
    """The schema is valid against its own draft, which editors for TOML know."""
    jsonschema.Draft7Validator.check_schema(schema())
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_every_key_is_described_in_schema_and_reference() -> None:
    """Each key of the table has a description for editors and a row in the reference."""
    properties = schema()["properties"]["profiles"]["additionalProperties"]["properties"]
    rows = [line.split(" | ") for line in reference().splitlines()[2:] if line]
    assert list(properties) == [row[0].strip("|` ") for row in rows] == list(all_keys())
    of_store = schema()["properties"]["store"]["properties"]
    rows = [line.split(" | ") for line in reference(STORE_KEYS.values()).splitlines()[2:] if line]
    assert list(of_store) == [row[0].strip("|` ") for row in rows] == list(STORE_KEYS)
    for name, key in [*all_keys().items(), *STORE_KEYS.items()]:
        assert (properties | of_store)[name]["description"].endswith(".")
        assert key.doc
        assert "|" not in key.doc + key.default


def test_it_takes_the_example_and_the_template() -> None:
    """The files that people start from please their editor."""
    example = (REPOSITORY / "profiles.example.toml").read_text("utf-8")
    template = (PACKAGE / "profiles" / "template.toml").read_text("utf-8")
    for text in (example, template, uncommented(template)):
        VALIDATOR.validate(tomllib.loads(text))
    assert tomllib.loads(uncommented(template))["profiles"].keys() == {"prod", "other"}


def test_the_example_names_the_schema_for_editors() -> None:
    """The line #:schema leads to the schema, from the example's place and from the user's config folder."""
    first = (REPOSITORY / "profiles.example.toml").read_text("utf-8").splitlines()[0]
    assert (REPOSITORY / first.removeprefix("#:schema ")).samefile(PACKAGE / "profiles" / "schema.json")
    first = (PACKAGE / "profiles" / "template.toml").read_text("utf-8").splitlines()[0]
    assert first == "#:schema ./profiles.schema.json"


SECRET = {**AVENTUS, "client_secret": "x"}
WEB = "https://web.example/x"

GOOD: list[dict[str, Any]] = [
    *(AVENTUS, CIDAAS, ATHOC, ISSUER, PLAIN, SECRET),
    {**PLAIN, "provider": "oidc"},
    {**ISSUER, "provider": "oidc"},
    {**AVENTUS, "base_url": "http://127.0.0.1:5000"},
    {**AVENTUS, "token_url": "https://other.example/t", "authorize_url": "http://[::1]/a"},
    {**AVENTUS, "redirect_uri": [LOOPBACK, "http://localhost/x", "http://[::1]:1/", WEB]},
    {**AVENTUS, "grant": "pkce", "pkce": True},
    {**SECRET, "grant": "confidential", "pkce": False},
    {**ATHOC, "grant": "confidential", "client_secret": "x"},
    {**ATHOC, "authorize_params": {"prompt": "login"}},
    {**CIDAAS, "grant": "device"},
    {**SECRET, "client_secret": {"env": "A"}},
    {**SECRET, "client_secret": {"file": "a"}},
    {**SECRET, "client_secret": {"command": ["a", "", "b"]}},
    {**SECRET, "client_secret": {"keyring": "a", "username": "b"}},
    *({**ISSUER, "scope": scope} for scope in several("", "a b", [], ["a", ""])),
    {
        **ISSUER,
        "api_url": "https://a.example/x/",
        "api_origins": ["https://a.example/", "http://127.0.0.1:5"],
    },
    *({**ISSUER, "callback": word} for word in ("auto", "loopback", "paste", "widget")),
    *(
        {**AVENTUS, "redirect_uri": WEB, "listen": text}
        for text in ("127.0.0.1:80", "localhost:1", "[::1]:9")
    ),
    {**ISSUER, "redirect_uri": WEB, "listen": "10.0.0.1:80"},
    {**ISSUER, "authorize_params": {"a": "b", "c": ["d", ""]}, "token_params": {}},
    {**ISSUER, "token_request": "json", "client_auth": "post"},
    {**ISSUER, "timeout": 0.5, "login_timeout": 86400, "retries": 0},
    *machine_profiles.GOOD,
]

BAD: list[dict[str, Any]] = [
    {},
    {"client_id": "x"},
    {"provider": "aventus"},
    *({key: value for key, value in AVENTUS.items() if key != missing} for missing in AVENTUS),
    *({key: value for key, value in CIDAAS.items() if key != missing} for missing in CIDAAS),
    *({key: value for key, value in ATHOC.items() if key != missing} for missing in ATHOC),
    *({key: value for key, value in ISSUER.items() if key != missing} for missing in ISSUER),
    *({key: value for key, value in PLAIN.items() if key != missing} for missing in PLAIN),
    {"provider": "oidc", "client_id": "x"},
    {**AVENTUS, "provider": "Aventus"},
    {**AVENTUS, "client_idd": "x"},
    {**AVENTUS, "issuer": "https://a.example"},
    {**AVENTUS, "org_code": "x"},
    {**ISSUER, "org_code": "x"},
    {**ISSUER, "base_url": "https://a.example"},
    {**PLAIN, "provider": "oidc", "base_url": "https://a.example"},
    *({**AVENTUS, "client_id": value} for value in several("", 1, True, [], {})),
    *({**AVENTUS, key: "http://example.com"} for key in all_keys() if key.endswith("_url")),
    *({**AVENTUS, key: "example.com"} for key in all_keys() if key.endswith("_url")),
    *({**AVENTUS, key: 1} for key in all_keys() if key not in {"timeout", "login_timeout", "retries"}),
    *(
        {**AVENTUS, "redirect_uri": uri}
        for uri in ([], "", "https://", "http://example.com", "app:/x", [LOOPBACK, 1], [[LOOPBACK]])
    ),
    *(
        {**AVENTUS, "redirect_uri": f"http://{host}/x"}
        for host in (
            "127.0.0.1.evil.com",
            "localhost.",
            "localhost.evil.com",
            "[::1]evil.com",
            "localhost@evil.com",
        )
    ),
    {**ISSUER, "issuer": "https://a.example?x"},
    {**AVENTUS, "base_url": "https://a.example/?x"},
    *(
        {**SECRET, "client_secret": value}
        for value in several(
            *("", 1, [], {}, {"env": ""}, {"env": "A", "file": "b"}, {"evn": "A"}, {"command": "a"}),
            *({"command": []}, {"command": [1]}, {"keyring": "a"}, {"keyring": "a", "username": ""}),
        )
    ),
    {**SECRET, "grant": "pkce"},
    {**ATHOC, "grant": "device"},
    {**ATHOC, "grant": "client_credentials", "client_secret": "x"},
    {**ATHOC, "authorize_params": {"acr_values": "idp:x"}},
    {**AVENTUS, "grant": "confidential"},
    {**AVENTUS, "grant": "implicit"},
    {**AVENTUS, "pkce": False},
    *({**ISSUER, "scope": scope} for scope in several(1, ["a", 1], {})),
    *(
        {**ISSUER, "api_origins": value}
        for value in several(
            "https://a.example",
            ["https://a.example/x"],
            ["https://a.example?x"],
            ["a.example"],
            [1],
        )
    ),
    {**ISSUER, "api_origins": ["http://a.example"]},
    *(
        {**AVENTUS, "redirect_uri": WEB, "listen": text}
        for text in (
            *("127.0.0.1", "80", ":80", "*:80", "0.0.0.0:80", "0:80", "[::]:80", "127.0.0.1:x", "a b:80"),
            *("http://127.0.0.1:80", "127.0.0.1:123456"),
        )
    ),
    {**ISSUER, "listen": "127.0.0.1:80"},
    {**ISSUER, "callback": "browser"},
    *(
        {**ISSUER, "authorize_params": value}
        for value in several("a=b", {"a": 1}, {"a": [1]}, {"state": "x"})
    ),
    *({**ISSUER, "token_params": value} for value in several([], {"a": {"b": "c"}}, {"client_secret": "x"})),
    {**ISSUER, "token_request": "JSON"},
    {**ISSUER, "client_auth": "none"},
    *({**SECRET, "pkce": value} for value in several("true", 1)),
    *(
        {**ISSUER, key: value}
        for key in ("timeout", "login_timeout")
        for value in several(0, -1, 86401, "60", True)
    ),
    *({**ISSUER, "retries": value} for value in several(-1, 21, 2.5, "3", True)),
    {**ISSUER, "ca_bundle": ""},
    *(keys for keys, _, what in machine_profiles.BAD if what not in machine_profiles.NOT_IN_THE_SCHEMA),
]


@pytest.mark.parametrize("profile", GOOD)
def test_schema_and_checker_agree_on_what_is_good(profile: dict[str, Any]) -> None:
    """What the program takes, an editor does not mark."""
    assert check_profile("prod", profile)[1] == []
    VALIDATOR.validate({"profiles": {"prod": profile}})


@pytest.mark.parametrize("profile", BAD)
def test_schema_and_checker_agree_on_what_is_bad(profile: dict[str, Any]) -> None:
    """What the program refuses, an editor marks, as far as a schema can express it."""
    assert check_profile("prod", profile)[1]
    assert not schema_takes({"profiles": {"prod": profile}})


SEAL = "A" * 42 + "E="
REDIS = {"type": "redis", "url": "redis://a", "encryption_key": SEAL}
PLACES: list[Any] = [
    *({"env": "A"}, {"file": "a"}, {"command": ["a", ""]}, {"keyring": "a", "username": "b"}),
]

GOOD_STORES: list[dict[str, Any]] = [
    *({}, {"type": "file"}, {"type": "keyring"}, REDIS, {**REDIS, "type": "file"}),
    *({"url": "redis://a"}, {"encryption_key": SEAL}, {**REDIS, "prefix": "b:"}),
    *({**REDIS, "url": f"{scheme}://a"} for scheme in REDIS_SCHEMES),
    *({**REDIS, "url": place} for place in PLACES),
    *({**REDIS, "encryption_key": place} for place in PLACES),
    *({**REDIS, "encryption_key": [SEAL, place]} for place in PLACES),
    {**REDIS, "encryption_key": SEAL.rstrip("=")},
]

BAD_STORES: list[Any] = [
    *several("redis", 1, [], True, {"type": "Redis"}, {"type": ""}, {"type": 1}, {"typ": "file"}),
    *(
        {key: value for key, value in REDIS.items() if key != missing}
        for missing in ("url", "encryption_key")
    ),
    *(
        {**REDIS, "url": value}
        for value in several(
            *("", "redis", "redis:", "redis://", "http://a", "a", " redis://a", "Redis://a", 1, [], {}),
            *(["redis://a"], {"evn": "A"}, {"env": "A", "file": "b"}, {"keyring": "a"}),
        )
    ),
    *(
        {**REDIS, "encryption_key": value}
        for value in several(
            *("", "a", SEAL[1:], f"A{SEAL}", f" {SEAL}", SEAL.replace("A", "+"), 1, [], {}, [1], [SEAL, "a"]),
            *([[SEAL]], {"env": ""}, [{"evn": "A"}]),
        )
    ),
    *({**REDIS, "prefix": value} for value in several("", 1, [])),
]


@pytest.mark.parametrize("store", GOOD_STORES)
def test_schema_and_checker_agree_on_a_good_store(store: dict[str, Any]) -> None:
    """What the program takes as [store], an editor does not mark."""
    assert check_store(store, None, folder=REPOSITORY)[1] == []
    VALIDATOR.validate({"store": store})


@pytest.mark.parametrize("store", BAD_STORES)
def test_schema_and_checker_agree_on_a_bad_store(store: Any) -> None:
    """What the program refuses as [store], an editor marks."""
    assert check_store(store, None, folder=REPOSITORY)[1]
    assert not schema_takes({"store": store})


@pytest.mark.parametrize("name", ["prod", "a.b_c-D1", "x" * 64])
def test_good_names(name: str) -> None:
    """Schema and checker agree on the names of profiles."""
    assert schema_takes({"profiles": {name: ISSUER}})
    assert not check_profile(name, ISSUER)[1]


@pytest.mark.parametrize("name", ["", "a/b", "a b", "ü", "x" * 65])
def test_bad_names(name: str) -> None:
    """Schema and checker agree on what is no name of a profile."""
    assert not schema_takes({"profiles": {name: ISSUER}})
    assert check_profile(name, ISSUER)[1]


@pytest.mark.parametrize(
    "document",
    [
        {"prod": ISSUER},
        {"profile": {}},
        {"default": 1},
        {"profiles": 1},
        {"profiles": [ISSUER]},
        {"profiles": {"a": 1}},
    ],
)
def test_mistakes_around_the_profiles(document: Any) -> None:
    """What stands at the wrong place is marked."""
    assert not schema_takes(document)


def test_files_whose_profiles_share() -> None:
    """What works pleases an editor."""
    document: dict[str, Any] = {
        "include": ["~/team/profiles.toml"],
        "include_origins": ["https://as.example.com"],
        "defaults": {"timeout": 5, "scope": {"env": "X"}},
        "profiles": {
            "base": {"issuer": "https://${HOST}"},
            "prod": {"extends": "base", "client_id": {"env": "X"}, "redirect_uri": ["http://127.0.0.1/${X}"]},
        },
    }
    VALIDATOR.validate(document)
    VALIDATOR.validate({"profiles": document["profiles"]})
    for wrong in (
        {**document, "include": "x"},
        {**document, "defaults": {"extends": "x"}},
        {**document, "defaults": {"timeout": "x"}},
        {"profiles": {"base": {"issuer": "https://a.example"}}},
        {"profiles": {"prod": {"extends": "base", "timeout": {"env": "X"}}}},
        {"profiles": {"prod": {"extends": 5}}},
    ):
        assert not VALIDATOR.is_valid(wrong), wrong
