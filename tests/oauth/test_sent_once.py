"""A code is sent once, whatever comes of it (RFC 6749 sections 4.1.2 and 10.5)."""

from __future__ import annotations

import os

import pytest
from support import Sent, Web, make_profile

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import AventusCredsError
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.code_grant import Authorization


@pytest.mark.parametrize(
    "sent", [Sent(503), Sent(429), Sent(400, {"error": "server_error"}), Sent(drop=True)]
)
def test_a_code_is_never_sent_twice(web: Web, sent: Sent) -> None:
    """Not after a fault that passes either: the server must take the second one for theft."""
    web.answer = lambda _: sent
    client = OAuthClient(make_profile(authorize_url=f"{web.url}/a", token_url=f"{web.url}/t", retries=3))
    authorization = Authorization(
        make_profile(), client.endpoints, "http://127.0.0.1:8765/callback", random=os.urandom
    )
    with pytest.raises(AventusCredsError):
        client.exchange(authorization, Hidden("the-code"))
    assert len(web.seen) == 1
