import sys
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.utils import get_environ_proxies
from support import make_profile, make_token

from aventus_creds.session import environment
from aventus_creds.session.environment import environment_proxies, stays_here
from aventus_creds.session.session import ApiSession
from aventus_creds.sources.injected import InjectedSource

PROXIES = ("http://proxy.example.com:3128", "http://other.example.com:8080", "socks5://127.0.0.1:1080")
URLS = (
    "https://api.example.com/v1/things?of=all",
    "https://api.example.com:8443/",
    "https://www.example.org/a/b",
    "http://internal.example.com/x",
    "https://10.1.2.3/y",
    "https://[2001:db8::1]:9443/z",
)
BYPASSES = (
    "*",
    "example.com",
    ".example.com",
    "api.example.com:8443",
    "10.0.0.0/8",
    "10.1.2.3, example.org",
    "",
)

environments = st.dictionaries(
    st.sampled_from("http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY".split()),
    st.sampled_from(PROXIES),
    max_size=3,
).flatmap(
    lambda proxies: st.dictionaries(
        st.sampled_from("no_proxy NO_PROXY REQUESTS_CA_BUNDLE CURL_CA_BUNDLE".split()),
        st.sampled_from(BYPASSES),
        max_size=3,
    ).map(lambda others: {**proxies, **others})
)


@pytest.fixture
def session() -> Iterator[ApiSession]:
    with ApiSession(
        make_profile(api_url="https://api.example.com"), InjectedSource(make_token(), "X")
    ) as session:
        yield session


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    variables=environments,
    url=st.sampled_from(URLS),
    own=st.dictionaries(st.sampled_from(["http", "https", "no_proxy"]), st.sampled_from([*PROXIES, None])),
    named=st.dictionaries(st.sampled_from(["http", "https"]), st.sampled_from([*PROXIES, None])),
    verify=st.sampled_from([None, True, False, "/a/bundle.pem"]),
    trusting=st.booleans(),
)
def test_the_environment_is_merged_as_requests_merges_it(
    *,
    session: ApiSession,
    variables: dict[str, str],
    url: str,
    own: dict[str, str],
    named: dict[str, str],
    verify: bool | str | None,
    trusting: bool,
) -> None:
    """Differential, with one session throughout: what was resolved before never shows in another environment."""
    theirs = requests.Session()
    for one in (session, theirs):
        one.proxies, one.trust_env = dict(own), trusting
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        settings = [
            one.merge_environment_settings(url, dict(named), None, verify, None) for one in (session, theirs)
        ]
    assert settings[0] == settings[1]


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the system's settings cannot be watched")
def test_the_environment_is_read_through_once_for_each_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(url: str, no_proxy: str | None) -> dict[str, str]:
        asked.append(url)
        return get_environ_proxies(url, no_proxy)

    monkeypatch.setattr(environment, "get_environ_proxies", counted)
    for path in ("a", "b/c", "?d=e/f"):
        assert environment_proxies(f"https://once.example.com/{path}", None) == {}
    assert len(asked) == 1
    monkeypatch.setenv("HTTPS_PROXY", PROXIES[0])
    assert environment_proxies("https://once.example.com/a", None)["https"] == PROXIES[0]
    assert environment_proxies("https://twice.example.com/a", None)["https"] == PROXIES[0]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://localhost/", True),
        ("http://[::1]:80/", True),
        ("http://127.0.0.1.example.com/", False),
        ("http://user@127.0.0.1@example.com/", False),
        ("https://127.0.0.1/", False),
        ("http://example.com/?http://127.0.0.1/", False),
        ("", False),
    ],
)
def test_plain_http_to_this_machine_stays_here(url: str, *, here: bool) -> None:
    assert stays_here(url) is here
