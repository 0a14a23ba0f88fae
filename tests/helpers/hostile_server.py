"""The ways by which a call comes to a hostile authorization server, and how its error is judged.

The calls are those that users make. Each error is judged by ``refused``: its kind, its time, its words, no secret
in anything that is shown or logged, and the stored login still there.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from attempts import follow, state_of

from aventus_creds import get_token, login
from aventus_creds.errors import AventusCredsError, LoginRefused, TokenRefused
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN = 's3/cr&t "of=client', "the-refresh-token", "the-old-token"
CODE, DEVICE_CODE, NEW_TOKEN = "the-secret-code", "the-device-code", "the-new-access-token"
SECRETS = (CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN, CODE, DEVICE_CODE, NEW_TOKEN)
BASIC = base64.b64encode(f"c:{quote(CLIENT_SECRET, safe='')}".encode()).decode()
Profiles = Callable[..., None]


def keep(token: Token) -> None:
    store, key = default_store(), read_profiles().profile("prod").key
    with store.lock(key):
        store.save(key, token)


def stored() -> Token | None:
    return default_store().load(read_profiles().profile("prod").key)


def refresh() -> Token:
    return get_token("prod", interactive=False)


def log_in(**params: str) -> Token:
    """Log in with a browser that is redirected at once."""

    def browser(url: str) -> None:
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        # the listener shows the page once the login has ended, and that may take as long as the server does
        query = urlencode({"code": CODE, "state": state_of(url), **params})
        threading.Thread(target=_follow, args=(uri, query), daemon=True).start()

    return login("prod", browser=browser)


def _follow(uri: str, query: str) -> None:
    with suppress(OSError):
        follow(uri, query)


def log_in_elsewhere() -> Token:
    return login("prod", device=True)


DOORS: dict[str, tuple[dict[str, Any], Callable[[], object]]] = {
    "refresh": ({}, refresh),
    "client credentials": ({"grant": "client_credentials", "redirect_uri": None, "callback": None}, refresh),
    "code": ({}, log_in),
    "device": ({}, log_in_elsewhere),
    "discovery": ({"issuer": True}, refresh),
}
"""The ways by which a call comes to a server: what the profile has for it, and the call."""


def open_door(door: str, url: str, profiles: Profiles, **more: Any) -> Callable[[], object]:
    """Write the profile for a way to the server at ``url``, and return the call."""
    keys, call = DOORS[door]
    profiles(url, **({**keys, "issuer": url} if keys.get("issuer") else keys), **more)
    return call


def refused(
    call: Callable[[], object], caplog: pytest.LogCaptureFixture, *, within: float = 8
) -> AventusCredsError:
    """Make the call, and return its error once it is judged."""
    before, began = stored(), time.monotonic()
    with pytest.raises(AventusCredsError) as caught:
        call()
    assert time.monotonic() - began < within
    judge(caught.value)
    assert_no_secret(caplog.text)
    assert stored() == before, "the login was lost"
    return caught.value


def judge(error: AventusCredsError) -> None:
    """Words for a person: short, printable, with something to do, and without a secret in anything chained."""
    assert error.message
    assert len(str(error)) < 2000
    assert error.message.isprintable()
    assert error.hint.isprintable()
    if not isinstance(error, TokenRefused | LoginRefused):  # there the server's own words say what is wrong
        assert error.hint
    link: BaseException | None = error
    while link is not None:
        assert_no_secret(f"{link} {link!r} {vars(link)}")
        link = link.__cause__ or link.__context__
    assert_no_secret("".join(traceback.format_exception(error)))


def assert_no_secret(text: str) -> None:
    for secret in (*SECRETS, BASIC):
        forms = (secret, quote(secret), quote(secret, safe=""), escape(secret), json.dumps(secret)[1:-1])
        assert not any(form.lower() in text.lower() for form in forms), f"{secret} is shown"


def token_answer(**more: Any) -> dict[str, Any]:
    return {"access_token": NEW_TOKEN, "token_type": "Bearer", "expires_in": 3600, **more}


MEGABYTE = 1024 * 1024
GOOD = json.dumps(token_answer())


def document(url: str, **more: Any) -> dict[str, Any]:
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/jwks",
        "authorization_response_iss_parameter_supported": True,
        **more,
    }
