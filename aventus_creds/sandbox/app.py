"""The Flask application: every dialect and the API on one port."""

from __future__ import annotations

from flask import Flask

from aventus_creds.sandbox.api import api
from aventus_creds.sandbox.authorization_server import AuthorizationServer
from aventus_creds.sandbox.bearer import Bearer
from aventus_creds.sandbox.dialect_views import DialectViews
from aventus_creds.sandbox.dialects import Dialect
from aventus_creds.sandbox.hosts import by_host
from aventus_creds.sandbox.journal import Journal, keep_journal
from aventus_creds.sandbox.pages import message_page, protect_pages
from aventus_creds.sandbox.state import State
from aventus_creds.sandbox.switches import Switches


def create_app(
    dialects: tuple[Dialect, ...],
    url: str,
    audiences: tuple[str, ...],
    state: State,
    switches: Switches,
    journal: Journal,
) -> Flask:
    """Return the application.

    Args:
        dialects: the authorization servers.
        url: where it answers, without a slash at the end.
        audiences: the identifiers of its API. The first one is used if a request names none.
        state: what it remembers.
        switches: what tests change while it runs.
        journal: gets a record of each request.
    """
    app = Flask(__name__, static_folder=None)
    keep_journal(app, journal)
    protect_pages(app)
    ours = tuple(dialect.issuer(url) for dialect in dialects if not dialect.public)
    for dialect in dialects:
        bearer = Bearer((dialect.issuer(url),), dialect.audiences or audiences, state, switches)
        server = AuthorizationServer(dialect, url, audiences, state, switches)
        app.register_blueprint(DialectViews(server, bearer).blueprint())
    app.register_blueprint(api(Bearer(ours, audiences, state, switches), state))
    app.wsgi_app = by_host(app.wsgi_app, dialects)  # type: ignore[assignment, method-assign]
    app.add_url_rule(
        "/",
        "home",
        lambda: message_page(
            "The sandbox is running",
            "A local authorization server and API for aventus-creds. Point a profile at it and log in.",
        ),
    )
    return app
