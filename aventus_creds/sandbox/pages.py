"""The pages for people. Jinja escapes everything that comes from the request."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template

from aventus_creds.sandbox.people import ADA, PEOPLE
from aventus_creds.sandbox.state import Login


def login_page(
    title: str, login: Login | None, *, user_code: str | None = None, refused: bool = False, hint: str = ""
) -> Response:
    """Return the page with login and consent in one form.

    Args:
        title: the name of the provider.
        login: what the client asks for. None: not known yet, because the user code is missing or wrong.
        user_code: what to show in the field of a device login. None: it is no device login, so no such field.
        refused: whether to say that the last try was wrong.
        hint: whose login the client expects (``login_hint``).
    """
    person = next((one for one in PEOPLE.values() if hint in {one.username, one.email}), ADA)
    page = render_template(
        "login.html", title=title, login=login, user_code=user_code, refused=refused, hint=person
    )
    return make_response(page, 401 if refused else 200)


def message_page(heading: str, text: str, status: int = 200) -> Response:
    """Return a page with a message only."""
    return make_response(render_template("message.html", title=heading, heading=heading, text=text), status)


def bare_refusal() -> Response:
    """Return the page of a server that explains nothing and never redirects."""
    return Response("<!doctype html><title>Bad Request</title><h1>Bad Request</h1>\n", 400)


def protect_pages(app: Flask) -> None:
    """Keep pages out of frames, caches and the Referer header, and do not let them load anything."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = (
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
                " frame-ancestors 'none'"
            )
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = "no-store"
        return response
