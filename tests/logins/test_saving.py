"""A login that has ended well, and whose token cannot be stored: it is used all the same, with a warning."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attempts import ACCESS_TOKEN, CODE, TokenEndpoint, client_of, endpoints, follow, log_in, state_of
from support import make_profile

from aventus_creds.errors import ConfigError, NotSavedWarning, SecretError, StoreError
from aventus_creds.logins.login import log_in as real_log_in
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.tokens import Token

FAULTS = {
    "of the store": (StoreError("the disk is full"), "the disk is full"),
    "of the configuration": (ConfigError("there is no keyring", hint="Install one."), "there is no keyring"),
    "of its secret": (SecretError("the Redis URL cannot be read"), "the Redis URL cannot be read"),
    "of another kind": (RuntimeError("holds-a-secret"), r"the token store failed \(RuntimeError\)"),
}


def in_a_browser(save: Callable[[Token], None]) -> Token:
    profile = make_profile(redirect_uri="http://127.0.0.1:0/callback", callback="loopback")

    def browser(url: str) -> None:
        uri = url.partition("redirect_uri=")[2].partition("&")[0].replace("%3A", ":").replace("%2F", "/")
        follow(uri, f"code={CODE}&state={state_of(url)}")

    return log_in(profile, endpoints(), post=TokenEndpoint(), save=save, browser=browser)


def on_a_device(save: Callable[[Token], None]) -> Token:
    known = endpoints()._replace(device_url="https://as.example.com/device")
    profile = make_profile(grant="device", device_url=known.device_url)
    begun = b'{"device_code": "d", "user_code": "U", "verification_uri": "https://x/", "expires_in": 60, "interval": 0}'

    def post(request: ServerRequest) -> Answer:
        if request.url == known.device_url:
            return Answer(200, "application/json", begun)
        return TokenEndpoint().answer

    return real_log_in(profile, save, client=client_of(profile, post, known))


@pytest.mark.parametrize("way", [in_a_browser, on_a_device])
@pytest.mark.parametrize(("fault", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_finished_login_is_not_lost(
    way: Callable[[Callable[[Token], None]], Token], fault: Exception, words: str
) -> None:
    """Whatever the store raises, and whichever way the person logged in; a foreign text is not repeated."""

    def save(_: Token) -> None:
        raise fault

    with pytest.warns(NotSavedWarning, match=words) as caught:
        assert way(save).access_token == ACCESS_TOKEN
    assert "holds-a-secret" not in str(caught[0].message)
