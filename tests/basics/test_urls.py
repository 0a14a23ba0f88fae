from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import tries

from aventus_creds.basics.urls import is_loopback, origin, split_url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "localhost", "::1"])
def test_this_machine_is_loopback(host: str) -> None:
    """The names and addresses of this machine are loopback."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *(None, "", "localhost.", "LOCALHOST", "example.com", "127.0.0.1.evil.com", "localhost.evil.com"),
        *(
            "127.1",
            "127.0.0.1.1",
            "127.0.0.256",
            "127.0.0.",
            "127.0.0.-1",
            "127.0.0.+1",
            "127.0.0.1 ",
            "127.0.0.1\n",
        ),
        *("128.0.0.1", "0.0.0.0", "[::1]", "::", "::1%lo", "127.0.0.\u0661", "127.0.0." + "9" * 5000),
    ],
)
def test_other_hosts_are_not_loopback(host: str | None) -> None:
    """Whatever only looks like this machine is not loopback, and is judged without an exception."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com:443/a?b#c", "https://example.com"),
        ("https://example.com:8443/", "https://example.com:8443"),
        ("HTTPS://EXAMPLE.com/Path", "https://example.com"),
        ("https://example.com:/", "https://example.com"),
        ("https://my_host.example/", "https://my_host.example"),
        ("https://xn--hst-sna.example/", "https://xn--hst-sna.example"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://localhost:8765", "http://localhost:8765"),
        ("http://LOCALHOST/", "http://localhost"),
        ("http://[::1]:8765/x", "http://[::1]:8765"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]"),
    ],
)
def test_origin_of_a_good_address(url: str, expected: str) -> None:
    """The origin is scheme, host and port, in small letters and without the scheme's own port."""
    assert origin(split_url(url)) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "whole address"),
        ("example.com", "whole address"),
        ("//example.com", "whole address"),
        ("https://", "whole address"),
        ("https:", "whole address"),
        ("https:example.com", "whole address"),
        ("https:///path", "whole address"),
        ("https://:443", "whole address"),
        ("ftp://example.com", "whole address"),
        ("javascript:alert(1)", "whole address"),
        ("file:///etc/passwd", "whole address"),
        ("https://a b", "printable ASCII"),
        (" https://example.com", "printable ASCII"),
        ("https://example.com/\n", "printable ASCII"),
        ("https://exa\tmple.com/", "printable ASCII"),
        ("https://h\u00f4st", "punycode"),
        ("https://host:\u0668\u0660", "printable ASCII"),
        ("http://[::1", "host or port"),
        ("https://::1]/", "host or port"),
        ("https://host:99999", "host or port"),
        ("https://host:-1", "host or port"),
        ("https://host:+80", "host or port"),
        ("https://host:8_0", "host or port"),
        ("https://host:80:80", "host or port"),
        ("https://host:http", "host or port"),
        ("https://[::1]evil.com/", "host or port"),
        ("http://[::1]evil.com/", "host or port"),
        ("https://x[::1]/", "host or port"),
        ("https://[::1%25eth0]/", "host or port"),
        ("https://a%20b/", "host or port"),
        ("https://.", "host or port"),
        ('https://a"b/', "host or port"),
        ("https://good.com\\.evil.com/", "host or port"),
        ("https://good.com/\\evil.com", "host or port"),
        ("https://user@host", "user name or password"),
        ("https://user:pw@host", "user name or password"),
        ("https://@host", "user name or password"),
        ("https://good.com:443@evil.com/", "user name or password"),
        ("https://[::1]@evil.com/", "user name or password|host or port"),  # as this Python has it
        ("http://example.com", "this machine only"),
        ("http://127.0.0.1.evil.com", "this machine only"),
        ("http://localhost.", "this machine only"),
        ("http://localhost.evil.com", "this machine only"),
        ("http://127.1", "this machine only"),
        ("http://0.0.0.0", "this machine only"),
        ("http://[::]", "this machine only"),
        ("http://127.0.0." + "9" * 5000, "this machine only"),
    ],
)
def test_bad_addresses_are_refused_with_the_reason(url: str, why: str) -> None:
    """An address that no secret may be sent to is refused, and the text says why."""
    with pytest.raises(ValueError, match=why):
        split_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://user:hunter2@host", "https://hunter2@host:99999", "https://hunter2 "),
        *("ftp://user:hunter2@host", "user:hunter2@host"),
    ],
)
def test_a_refusal_does_not_repeat_the_address(url: str) -> None:
    """A password typed into an address does not come back in the error."""
    with pytest.raises(ValueError, match=r".") as caught:
        split_url(url)
    assert "hunter2" not in str(caught.value)


@tries(200)
@given(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["https://", "http://", "HTTP://", "https:/", ""]),
        st.text(st.sampled_from("ab1.:[]@%/\\?#0٣ \t_-"), max_size=12),
        st.sampled_from(["", "localhost", "127.0.0.1", "[::1]", "evil.com"]),
        st.sampled_from(["", ":80", ":0", "/x", "?x", "@b"]),
    )
)
def test_any_address_is_taken_or_refused(url: str) -> None:
    """No text brings anything but an answer or ValueError, and what is taken keeps its origin when read again."""
    try:
        taken = origin(split_url(url))
    except ValueError:
        return
    assert origin(split_url(taken)) == taken
    assert taken.startswith("https://") or is_loopback(split_url(taken).hostname)
