"""The address of the extension, as the browser of the server's user has it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aventus_creds.basics.urls import is_loopback, origin, split_url
from aventus_creds.callbacks.hub import is_the_hubs, user_redirect
from aventus_creds.profiles.callbacks import EXTENSION_PATH

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def known_address(app: ServerApp, seen: str) -> str:
    """Return the address to register, or "" if it is not known.

    Args:
        app: the server.
        seen: the origin of pages of this server in its user's browser, or "" if there has been none yet.
    """
    if is_the_hubs(app.base_url):
        if hub := os.environ.get("JUPYTERHUB_PUBLIC_HUB_URL"):
            return _origin(hub) and f"{hub.rstrip('/')}/user-redirect{EXTENSION_PATH}"
        # JUPYTERHUB_HOST is there only where each user has a host name of their own.
        public = _origin(os.environ.get("JUPYTERHUB_HOST") or seen)
        return public and f"{public}{user_redirect()}{EXTENSION_PATH}"
    base = _origin(app.custom_display_url) or seen or _own_origin(app)
    return base and f"{base}{app.base_url.rstrip('/')}{EXTENSION_PATH}"


def page_origin(handler: Any) -> str:
    """Return the origin of the server's own page that made a request, or "" if none of its user's pages did.

    Browsers send it with all requests but plain GETs: when a notebook or a terminal is opened, for example. Pages of
    others have another origin than the host that they ask, and programs have none.
    """
    said = _origin(handler.request.headers.get("Origin", ""))
    own = said.partition("://")[2] == handler.request.host
    return said if own and getattr(handler, "current_user", None) else ""


def _own_origin(app: ServerApp) -> str:
    """Return the origin that the server itself opens a browser with, if it serves this machine only."""
    if app.sock or not is_loopback(app.ip):
        return ""
    return f"{'https' if app.certfile else 'http'}://{'[::1]' if ':' in app.ip else 'localhost'}:{app.port}"


def _origin(url: str) -> str:
    try:
        return origin(split_url(url))
    except ValueError:
        return ""
