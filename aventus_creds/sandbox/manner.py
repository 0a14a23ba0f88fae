"""How a dialect words its answers, where that differs from RFC 6749, and which headers it wants."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify
from werkzeug.datastructures import Headers

from aventus_creds.sandbox.dialects import Dialect


def worded(dialect: Dialect, response: Response) -> Response:
    """Return a token answer or a refusal (RFC 6749 sections 5.1 and 5.2) as ``dialect`` words it."""
    answer = response.get_json(silent=True)
    if not isinstance(answer, dict):
        return response
    if "access_token" in answer:
        response.set_data(json.dumps(_success(dialect, answer)))
    elif answer.get("error") in dialect.refusals:
        response.status_code, body = dialect.refusals[answer["error"]]
        response.set_data(json.dumps(body))
    return response


def _success(dialect: Dialect, answer: dict[str, Any]) -> dict[str, Any]:
    if "scope" in answer:
        names = [dialect.renamed_scopes.get(name, name) for name in answer["scope"].split()]
        answer["scope"] = dialect.scope_separator.join(filter(None, names))
    if answer["token_type"] != "DPoP":
        answer["token_type"] = dialect.token_type
    kept = {name: value for name, value in answer.items() if name not in dialect.lacks}
    return {**dialect.more, dialect.inside: kept} if dialect.inside else kept | dict(dialect.more)


def missing(headers: Headers, wanted: Mapping[str, str]) -> str:
    """Return the first header that a request lacks, or "". ``wanted`` has a pattern for each."""
    return next(
        (name for name, pattern in wanted.items() if not re.search(pattern, headers.get(name, ""))), ""
    )


def unanswered(header: str) -> Response:
    """Return the answer to a request that lacks a header."""
    response = jsonify(message=f"The header {header} is missing.")
    response.status_code = 400
    return response
