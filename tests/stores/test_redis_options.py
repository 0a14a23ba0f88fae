"""The Redis store: the options in the URL. A mistake is told by its option's name, and nothing secret is shown."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest
from redis_server import RedisServer
from redis_stores import KEY, SEAL, everything, links, save

from aventus_creds.errors import ConfigError, InsecureStoreWarning
from aventus_creds.profiles.store_keys import STORE_KEYS, StoreSettings
from aventus_creds.stores.redis.address import Address, read_address
from aventus_creds.stores.redis.options import OPTIONS
from aventus_creds.stores.redis.store import RedisStore

MISTAKES = [
    ("socket_timeout=abc", "socket_timeout must be a number of seconds"),
    *((f"socket_timeout={value}", "socket_timeout must be") for value in ("nan", "inf", "-1", "0", "")),
    ("socket_connect_timeout=soon", "socket_connect_timeout must be"),
    ("health_check_interval=x", "health_check_interval must be a whole number"),
    ("max_connections=0", "max_connections must be a whole number, more than 0"),
    ("db=x", "db must be a whole number"),
    ("db=-1", "db must be"),
    ("protocol=4", "protocol must be one of 2, 3"),
    ("client_name=two%20words", "client_name must be a word"),
    ("client_name=a%0d%0aFLUSHALL", "client_name must be a word"),
    ("socket_keepalive=perhaps", "socket_keepalive must be true or false"),
    ("password=", "password must be"),
    ("db=1&db=2", "db is there twice"),
    ("ssl_ca_certs=/ca.pem", "ssl_ca_certs needs a URL that begins with rediss://"),
    ("sentinel_password=x", "sentinel_password needs a URL that begins with redis\\+sentinel"),
    ("nonsense=1", "unknown option nonsense"),
    ("nonsense", "unknown option nonsense"),
    ("nonsense=", "unknown option nonsense"),
    ("socket_timout=1", "unknown option socket_timout; did you mean 'socket_timeout'"),
    *((f"{name}=1", f"unknown option {name}") for name in ("decode_responses", "encoding", "host", "port", "path")),
    *((f"{name}=1", f"unknown option {name}") for name in ("connection_class", "credential_provider", "retry")),
    ("pass-word=1", "an unknown option"),
    ("\x1b=1", "."),
    ("ret=@host", "an unknown option"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "said"), MISTAKES)
def test_a_mistaken_option_is_named(query: str, said: str) -> None:
    """When the store is opened, and no frame holds the password."""
    with pytest.raises(ConfigError, match=said) as caught:
        RedisStore(f"redis://ann:pass-word@127.0.0.1:1?{query}", [SEAL])
    assert "pass-word" not in everything(caught.value)
    assert "\x1b" not in str(caught.value)
    assert list(links(caught.value)) == [caught.value]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("ssl_cert_reqs=perhaps", "ssl_cert_reqs must be one of required, optional, none"),
        ("ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs must be one of"),
        ("ssl_check_hostname=perhaps", "ssl_check_hostname must be true or false"),
        ("ssl_cert_reqs=none&ssl_check_hostname=true", "ssl_check_hostname needs ssl_cert_reqs=required"),
        ("ssl_min_version=1", "ssl_min_version must be one of 771, 772"),
    ],
)
@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster", "rediss+sentinel"])
def test_a_mistaken_option_of_tls_is_named(scheme: str, query: str, said: str) -> None:
    """In every form of the URL: none may switch a check off by a misspelt word."""
    with pytest.raises(ConfigError, match=said) as caught:
        RedisStore(f"{scheme}://ann:pass-word@127.0.0.1:1/{'main' * ('s+s' in scheme)}?{query}", [SEAL])
    assert "pass-word" not in everything(caught.value)


def test_a_cluster_has_one_database() -> None:
    with pytest.raises(ConfigError, match="names a database"):
        RedisStore("redis+cluster://127.0.0.1/1", [SEAL])
    RedisStore("redis+cluster://127.0.0.1/0", [SEAL])


def test_every_option_reaches_redis(redis_server: RedisServer) -> None:
    """Each that a plain connection has is one that redis-py takes."""
    values = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), "7.5")
    values |= {"db": "3", "protocol": "2", "client_name": "ann", "socket_keepalive": "yes"}
    values |= {"health_check_interval": "9", "max_connections": "4"}
    plain = {name for name in OPTIONS if not name.startswith(("ssl_", "sentinel_"))} - {
        "username",
        "password",
    }
    assert set(values) == plain
    query = "&".join(f"{name}={value}" for name, value in values.items())
    store = RedisStore(f"{redis_server.url.rpartition('/')[0]}?{query}", [SEAL], prefix="every-option:")
    token = save(store)
    assert store.load(KEY) == token
    clients = [row for row in redis_server.admin.client_list() if row["name"] == "ann"]
    assert {row["db"] for row in clients} == {"3"}


@pytest.mark.parametrize("place", ["unix", "database"])
def test_where_the_url_leads(place: str, tmp_path: Any) -> None:
    """A socket's path and user, and a database's number, are redis-py's too."""
    socket = tmp_path / "a b.sock"
    arguments = ("--unixsocket", str(socket), "--user", "ann", "on", ">pass word", "~*", "+@all")
    with RedisServer(tmp_path / "redis", *arguments) as server:
        urls = {
            "unix": f"unix://ann:pass%20word@/{str(socket)[1:].replace(' ', '%20')}?db=2",
            "database": f"redis://ann:pass%20word@127.0.0.1:{server.port}/2",
        }
        token = save(RedisStore(urls[place], [SEAL]))
        options = f"redis://127.0.0.1:{server.port}?username=ann&password=pass%20word&db=2"
        assert RedisStore(options, [SEAL]).load(KEY) == token
        assert RedisStore(f"redis://127.0.0.1:{server.port}", [SEAL]).load(KEY) is None


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("redis://redis.example.com?password=pass-word", True),
        ("redis://redis.example.com?pass%77ord=pass-word", True),
        ("redis+sentinel://a.example.com/main?sentinel_password=pass-word", True),
        ("redis+sentinel://a.example.com,localhost/main?sentinel_username=x", False),
        ("redis+cluster://localhost,a.example.com?password=pass-word", True),
        ("redis://localhost?password=pass-word", False),
        ("rediss://redis.example.com?password=pass-word", False),
        ("rediss+sentinel://a.example.com/main?sentinel_password=pass-word", False),
        ("unix:///run/redis.sock?password=pass-word", False),
    ],
)
def test_a_password_among_the_options_is_warned_of(url: str, *, exposed: bool) -> None:
    """As USER:PASSWORD@ is, and it counts as a literal secret of profiles.toml."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        RedisStore(url, [SEAL])
    assert [warning.category for warning in said] == [InsecureStoreWarning] * exposed
    assert not any("pass-word" in str(warning.message) for warning in said)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if exposed:
            with pytest.raises(InsecureStoreWarning) as caught:
                RedisStore(url, [SEAL])
            assert "pass-word" not in everything(caught.value)
            assert SEAL not in everything(caught.value)
    settings = StoreSettings("redis", STORE_KEYS["url"].kind.check(url))
    assert bool(settings.literal_secret) == ("pass-word" in url)


def test_an_address_and_a_store_are_not_pickled() -> None:
    """They hold the password; a repr and a tool that looks into values find none."""
    url = "redis://ann:pass-word@127.0.0.1?sentinel_password=x"
    address = read_address(url.replace("redis:", "redis+sentinel:").replace("?", "/main?"))
    assert isinstance(address, Address)
    store = RedisStore("redis://ann:pass-word@127.0.0.1", [SEAL])
    for each in (address, store, store._seal):
        with pytest.raises(TypeError, match="holds a secret"):
            pickle.dumps(each)
    assert not isinstance(address, tuple)
    assert "pass-word" not in repr([getattr(address, name) for name in Address.__slots__])
