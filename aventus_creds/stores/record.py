"""The format of a stored token: JSON that names its key. It is checked when it is read."""

from __future__ import annotations

import json
import math
from typing import Final

from aventus_creds.tokens import Token

FORMAT: Final = 1
YEAR_10000: Final = 253402300800.0


def encode(key: str, token: Token) -> bytes:
    """Return the content that a store saves for ``token`` under ``key``, as UTF-8."""
    return json.dumps(
        {
            "format": FORMAT,
            "key": key,
            "access_token": token.access_token,
            "token_type": token.token_type,
            "obtained_at": token.obtained_at,
            "expires_at": None if token.expires_at == math.inf else token.expires_at,
            "refresh_token": token.refresh_token,
            "refresh_expires_at": token.refresh_expires_at,
            "scope": token.scope,
            "id_token": token.id_token,
            "extra": dict(token.extra),
            **({"proof_key": token.proof_key} if token.proof_key else {}),  # most tokens are bound to no key
        },
        indent=1,
    ).encode()


def decode(key: str, content: bytes) -> Token | None:
    """Return the token in the ``content`` that a store has saved under ``key``.

    None means that it is damaged, in an unknown format, or belongs to another key.
    """
    try:
        kept = json.loads(content)
        if kept["format"] != FORMAT or kept["key"] != key:
            return None
        login_ends = kept.get("refresh_expires_at")  # these are not in what older versions wrote
        id_token, extra = kept.get("id_token"), kept.get("extra") or {}
        token = Token(
            kept["access_token"],
            token_type=kept["token_type"],
            obtained_at=float(kept["obtained_at"]),
            expires_at=math.inf if kept["expires_at"] is None else float(kept["expires_at"]),
            refresh_token=kept["refresh_token"],
            refresh_expires_at=None if login_ends is None else float(login_ends),
            scope=kept["scope"],
            id_token=id_token,
            extra=extra.items(),
            proof_key=kept.get("proof_key"),
        )
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, AttributeError):
        return None
    texts: tuple[object, ...] = (
        *(token.access_token, token.token_type),
        *(token.refresh_token or "", token.scope or "", token.id_token or "", token.proof_key or ""),
        *extra.keys(),
        *extra.values(),
    )
    times = (
        token.obtained_at,
        token.expires_at if token.expires_at < math.inf else 0,
        token.refresh_expires_at or 0,
    )
    sound = (
        all(isinstance(text, str) and text.isprintable() for text in texts)
        and (token.id_token or "").isascii()
        and all(0 <= moment < YEAR_10000 for moment in times)
    )
    return token if sound and token.access_token and token.access_token.isascii() else None
