"""Who hands out tokens to the machine: a hub's API, and a CI that gives a job its own. Real HTTP, on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from support import Seen, Sent, Web

API_TOKEN = "the-servers-own-api-token"
REQUEST_TOKEN = "the-ci-jobs-own-request-token"
USER = "ada/lovelace@example.com"


def made_jwt(**claims: Any) -> str:
    """Return a JSON Web Token with these claims."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key(256))


class Hub:
    """The API of a JupyterHub as a user's server sees it. ``auth_state`` is what it keeps of the user."""

    def __init__(self, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        self.auth_state: Any = {"access_token": "a-token-of-the-hub", "scope": ["openid"]}
        self.model: Callable[[], dict[str, Any]] = lambda: {"name": USER, "auth_state": self.auth_state}
        self.asked = 0
        self.web = web
        web.answer = self.answer
        monkeypatch.setenv("JUPYTERHUB_API_URL", f"{web.url}/hub/api")
        monkeypatch.setenv("JUPYTERHUB_USER", USER)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", API_TOKEN)

    def answer(self, seen: Seen) -> Sent:
        if not seen.path.startswith("/hub/api/"):
            return Sent(200, {"answer": seen.headers.get("Authorization")})
        self.asked += 1
        if seen.headers.get("Authorization") != f"token {API_TOKEN}":
            return Sent(403, {"status": 403, "message": "Missing or invalid credentials."})
        if unquote(seen.path) != f"/hub/api/users/{USER}" or seen.path.count("/") != 4:
            return Sent(404, {"status": 404, "message": "No access to resources or resources not found"})
        return Sent(200, self.model())


class Ci:
    """What GitHub Actions has for a job with ``id-token: write``: an address and a key in variables."""

    def __init__(
        self, web: Web, monkeypatch: pytest.MonkeyPatch, sign: Callable[..., str] = made_jwt
    ) -> None:
        self.asked: list[str] = []
        self.sign = sign
        self.web = web
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{web.url}/ci/token?api-version=2.0")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)

    def answer(self, seen: Seen) -> Sent:
        if seen.headers.get("Authorization") != f"bearer {REQUEST_TOKEN}":
            return Sent(401, json.dumps({"message": "not a job of ours"}).encode())
        parts = urlsplit(seen.path)
        [audience] = parse_qs(parts.query)["audience"]
        self.asked.append(audience)
        return Sent(
            200, {"count": 1, "value": self.sign(aud=audience, sub="repo:ada/engine:ref:refs/heads/main")}
        )
