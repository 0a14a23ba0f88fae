"""Sends requests to a token endpoint with a proof (RFC 9449 section 5), and answers its wish for a nonce."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from aventus_creds.oauth.answer import json_object
from aventus_creds.oauth.proofs import HEADER, SERVERS, WANTS_NONCE, ProofKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.oauth.answer import Answer
    from aventus_creds.oauth.request import ServerRequest


def ask(
    post: Callable[[ServerRequest], Answer],
    request: ServerRequest,
    make: Callable[[], ServerRequest],
    key: ProofKey,
) -> tuple[ServerRequest, Answer]:
    """Send ``request`` with a proof, and once more if the server only lacks its nonce in it (section 8).

    Args:
        post: sends a request.
        request: the first one.
        make: makes it anew: a server takes an assertion in it only once.
        key: what the token is bound to.

    Returns:
        What was sent at last, and the answer to it.
    """
    nonce = SERVERS.of(request.url)
    request, answer, given = _sent(post, request, key, nonce)
    if given and given != nonce and _wants_nonce(answer):
        request, answer, _ = _sent(post, make(), key, given)
    return request, answer


def _sent(
    post: Callable[[ServerRequest], Answer], request: ServerRequest, key: ProofKey, nonce: str
) -> tuple[ServerRequest, Answer, str]:
    request = request.with_header(
        HEADER, key.proof("POST", request.url, now=time.time(), number=os.urandom(16), nonce=nonce)
    )
    answer = post(request)
    return request, answer, SERVERS.note(request.url, answer.dpop_nonce)


def _wants_nonce(answer: Answer) -> bool:
    return answer.status in {400, 401} and json_object(answer).get("error") == WANTS_NONCE
