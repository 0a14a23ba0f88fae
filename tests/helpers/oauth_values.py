"""OAuth as values: one attempt, its requests and its answers. No socket, no clock, no randomness."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support import make_profile

from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.client_auth import chosen_method
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.request import Endpoints, ServerRequest
from aventus_creds.profiles.profile import Profile

ISSUER = "https://as.example.com"
REDIRECT_URI = "http://127.0.0.1:8765/callback"
STATE = base64.urlsafe_b64encode(b"\x07" * 32).rstrip(b"=").decode()
VERIFIER = base64.urlsafe_b64encode(b"\x07" * 96).rstrip(b"=").decode()
CODE = "SplxlOBeZQQYbYS6WxSbIA"
SECRET = "s3cret/with:odd%chars+&="


def endpoints(profile: Profile, **changes: Any) -> Endpoints:
    given = Endpoints(
        authorize_url=profile.authorize_url,
        token_url=profile.token_url,
        revoke_url=profile.revoke_url or "https://as.example.com/revoke",
        device_url="",
        issuer=ISSUER,
        announces_iss=False,
        client_auth=chosen_method(profile, {}),
    )
    return given._replace(**changes)


def attempt(profile: Profile | None = None, **changes: Any) -> Authorization:
    profile = profile or make_profile(scope="openid api")
    return Authorization(
        profile, endpoints(profile, **changes), REDIRECT_URI, random=lambda count: b"\x07" * count
    )


def sent(authorization: Authorization) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(authorization.url).query))


def form(request: ServerRequest) -> dict[str, str]:
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def answer(status: int = 200, content_type: str = "application/json", **body: Any) -> Answer:
    return Answer(status, content_type, json.dumps(body).encode())


def jwt(**claims: Any) -> str:
    """Return an unsigned JSON Web Token."""
    return "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode() + ".c2ln"
