"""What the environment says of certificates and proxies, and what is said when it is wrong."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sockets import Authority
from support import make_profile

from aventus_creds.errors import NetworkError
from aventus_creds.oauth.transport import Transport


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def get(url: str, **keys: Any) -> int:
    return Transport(make_profile(timeout=5, **keys)).get(url).status


def refusal(url: str, **keys: Any) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        get(url, **keys)
    return caught.value


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_environments_authorities(
    variable: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the variables names them, and the profile's ca_bundle comes before it."""
    other = str(Authority(tmp_path).bundle)
    with authority.web() as web:
        monkeypatch.setenv(variable, str(authority.bundle))
        assert get(web.url) == 200
        assert "certificate is not trusted" in str(refusal(web.url, ca_bundle=other))
        monkeypatch.setenv(variable, other)
        assert "certificate is not trusted" in str(refusal(web.url))
        assert get(web.url, ca_bundle=str(authority.bundle)) == 200


def test_requests_own_variables_come_first(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE counts where they are not set: conda and Nix set it for every program."""
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with authority.web() as web:
        assert get(web.url) == 200
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
        refusal(web.url)


def test_an_untrusted_certificate_names_ca_bundle(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint has the key and the variables; so it has where the file is missing."""
    with authority.web() as web:
        error = refusal(web.url)
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authorities.pem")
        missing = refusal(web.url)
    for name in ("ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        assert name in error.hint
        assert name in missing.hint
    assert "/nowhere/authorities.pem" in str(missing)


@pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is installed")
@pytest.mark.parametrize("scheme", ["socks", "socks4", "socks5", "socks5h"])
@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY"])
def test_a_socks_proxy_without_the_package(
    scheme: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is said, and how to get it; the proxy's password is not."""
    monkeypatch.setenv(variable, f"{scheme}://user:pass-word@127.0.0.1:9")
    error = refusal("https://as.example.com/token")
    assert "SOCKS proxy, for which a package is missing" in str(error)
    assert "pip install 'requests[socks]'" in error.hint
    assert "pass-word" not in str(error)


def test_a_socks_proxy_of_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many desktops set socks://, which says too little. The package is not here: its words are urllib3's."""

    def refuse(url: str, **_: object) -> None:
        raise ValueError(f"Unable to determine SOCKS version from {url}")

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", refuse)
    monkeypatch.setenv("ALL_PROXY", "socks://user:pass-word@127.0.0.1:9")
    error = refusal("https://as.example.com/token")
    assert "does not say which SOCKS it is" in str(error)
    assert "socks5h://" in error.hint
    assert "pass-word" not in str(error)
