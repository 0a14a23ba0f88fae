"""Leads requests for the hosts of real servers to the dialects that speak for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from aventus_creds.sandbox.dialects import Dialect

Application = Callable[[dict[str, Any], Any], Any]


def hosts(dialects: Iterable[Dialect]) -> set[str]:
    """Return the hosts of all public dialects: the first part of each path."""
    rows = [row for row in dialects if row.public]
    paths = [
        path
        for row in rows
        for path in (
            row.base,
            row.authorize,
            row.token,
            row.revoke,
            row.device,
            row.par,
            row.activate,
            row.api,
        )
    ]
    return {path.split("/")[1] for path in paths if path}


def by_host(application: Application, dialects: Iterable[Dialect]) -> Application:
    """Return ``application`` where a request for a public host has that host before its path.

    Such requests come through a proxy that has ended their TLS, see the tests of the known servers.
    """
    known = hosts(dialects)

    def led(environ: dict[str, Any], start_response: Any) -> Any:
        host = environ.get("HTTP_HOST", "").partition(":")[0]
        if host in known:
            environ["PATH_INFO"] = f"/{host}{environ['PATH_INFO']}"
            environ["wsgi.url_scheme"] = "https"
        return application(environ, start_response)

    return led
