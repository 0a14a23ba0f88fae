"""The journal: the requests and how they were answered, without secrets."""

from __future__ import annotations

from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from flask import Flask, Response, g, request


class Record(NamedTuple):
    """One request.

    :ivar dialect: whose endpoint it was: aventus, cidaas, athoc or oidc; "" for the API
    :ivar endpoint: authorize, token, revoke, device, activate, userinfo, discovery, jwks or api
    :ivar grant_type: the grant type of a token request, else ""
    :ivar client_id: the client, as it named itself, or to which the API's token was issued; else ""
    :ivar status: the HTTP status of the answer; 0 if the connection was closed instead
    :ivar error: the OAuth error code of the answer or of the redirect, else ""
    """

    dialect: str
    endpoint: str
    grant_type: str
    client_id: str
    status: int
    error: str


class Journal:
    """A list of records. It is thread-safe."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._lock = Lock()

    def write(self, record: Record) -> None:
        """Add a record."""
        with self._lock:
            self._records.append(record)

    def read(self) -> list[Record]:
        """Return all records so far, oldest first."""
        with self._lock:
            return list(self._records)


def note(**fields: Any) -> None:
    """Set fields of the current request's record that cannot be seen in the answer. Empty values are ignored."""
    g.setdefault("journal_notes", {}).update({name: value for name, value in fields.items() if value})


def note_closed_connection() -> None:
    """Note in the current request's record that the connection is closed without an answer."""
    g.journal_closed = True


def keep_journal(app: Flask, journal: Journal) -> None:
    """Make ``app`` write a record of each request to an endpoint of a blueprint."""

    @app.after_request
    def write(response: Response) -> Response:
        blueprint, _, endpoint = (request.endpoint or "").rpartition(".")
        if blueprint:
            notes = {"grant_type": "", "client_id": "", "error": _error(endpoint, response)}
            notes |= g.get("journal_notes", {})
            status = 0 if g.get("journal_closed") else response.status_code
            place = ("", "api") if blueprint == "api" else (blueprint, endpoint)
            journal.write(Record(*place, status=status, **notes))
        return response


def _error(endpoint: str, response: Response) -> str:
    if endpoint == "authorize":
        return parse_qs(urlsplit(response.location or "").query).get("error", [""])[0]
    answer = response.get_json(silent=True) if response.status_code >= 400 else None
    return str(answer.get("error", "")) if isinstance(answer, dict) else ""
