"""Searches for leaked secrets: records what is sent, lists every form it could appear in, and finds where it does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from support import Seen, Sent

SECRETS = {
    *("code", "state", "nonce", "code_verifier", "client_secret", "device_code", "password"),
    *("access_token", "refresh_token", "id_token", "token"),
    *("client_assertion", "assertion", "subject_token", "actor_token", "value"),
    "proof",
}
"""Names of the parameters whose values are secrets, in queries, forms, JSON and redirects."""

SHORTEST = 8
"""Characters of the shortest secret that is searched for: a shorter one is found in anything."""


class Wire:
    """Learns every secret that passes. ``values`` tells what each one is called."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def learn(self, name: str, value: object) -> None:
        if name in SECRETS and isinstance(value, str) and len(value) >= SHORTEST:
            self.values.setdefault(value, name)

    def request(self, target: str, headers: Mapping[str, str], body: bytes) -> None:
        self._pairs(urlsplit(target).query)
        self._body(body)
        kind, _, rest = headers.get("Authorization", "").partition(" ")
        self.learn("proof", headers.get("DPoP", ""))
        if kind in {"Bearer", "bearer", "token", "DPoP"}:
            self.learn("access_token", rest)
        elif kind == "Basic":
            self.learn("client_secret", rest)
            self.learn("client_secret", unquote(base64.b64decode(rest).decode().partition(":")[2]))

    def answer(self, location: str, body: bytes) -> None:
        self._pairs(urlsplit(location).query)
        self._body(body)

    def _pairs(self, query: str) -> None:
        for name, value in parse_qsl(query):
            self.learn(name, value)

    def _body(self, body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        try:
            found = json.loads(text)
        except ValueError:
            self._pairs(text)
        else:
            for name, value in found.items() if isinstance(found, dict) else ():
                self.learn(name, value)

    def tap(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return the WSGI application ``app`` with this wire in front of it."""

        def tapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            import io

            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            headers = {name: environ.get(f"HTTP_{name.upper()}", "") for name in ("Authorization", "DPoP")}
            self.request(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}", headers, body)
            location = ""

            def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                nonlocal location
                location = dict(headers).get("Location", "")
                return start_response(status, headers, *rest)

            answer = app(environ, start)
            content = b"".join(answer)
            if close := getattr(answer, "close", None):
                close()
            self.answer(location, content)
            return [content]

        return tapped

    def tap_web(self, answer: Callable[[Seen], Sent]) -> Callable[[Seen], Sent]:
        """Return a Web's ``answer`` with this wire in front of it."""

        def tapped(seen: Seen) -> Sent:
            self.request(seen.path, seen.headers, seen.body)
            sent = answer(seen)
            body = sent.body if isinstance(sent.body, bytes) else json.dumps(sent.body).encode()
            self.answer(sent.headers.get("Location", ""), body)
            return sent

        return tapped


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """Yield each form that ``secret`` may show in, with the form's name."""
    raw = secret.encode()
    yield "raw", raw
    yield "JSON", json.dumps(secret)[1:-1].encode()
    yield "percent", quote(secret).encode()
    yield "percent, slash too", quote(secret, safe="").encode()
    yield "form", quote_plus(secret).encode()
    yield "percent twice", quote(quote(secret, safe=""), safe="").encode()
    yield "all percent", "".join(f"%{byte:02X}" for byte in raw).encode()
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "reversed", raw[::-1]
    for shift in range(3):
        # Leave out the characters at both ends, because the neighbouring bytes change them.
        inner = base64.b64encode(bytes(shift) + raw)[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        yield f"base64 +{shift}", inner
        yield f"base64url +{shift}", inner.translate(bytes.maketrans(b"+/", b"-_"))
    if len(raw) >= 24:
        for title, part in (("first 12", raw[:12]), ("last 12", raw[-12:])):
            yield title, part
            yield f"{title} reversed", part[::-1]


def hits(values: Mapping[str, str], texts: Mapping[str, bytes]) -> list[str]:
    """Return where which secret is, in which form: never the secret itself."""
    found = []
    for secret, name in values.items():
        for pattern, form in {pattern: form for form, pattern in reversed([*forms(secret)])}.items():
            found += [
                f"{name} ({form}) in {place}: …{_around(text, pattern)}…"
                for place, text in texts.items()
                if pattern in text
            ]
    return found


def _around(text: bytes, pattern: bytes) -> str:
    place = text.index(pattern)
    before = text[max(0, place - (2000 if len(pattern) == 12 else 300)) : place].decode("utf-8", "replace")
    return f"{before}[HERE]"
