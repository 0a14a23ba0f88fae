"""Adds the extension to a Jupyter server."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aventus_creds.callbacks.announcement import VARIABLE, Announcement
from aventus_creds.callbacks.hub import is_the_hubs, user_redirect
from aventus_creds.callbacks.rendezvous import sweep
from aventus_creds.errors import AventusCredsError
from aventus_creds.profiles.callbacks import EXTENSION_PATH
from aventus_creds.server_extension.address import known_address, page_origin
from aventus_creds.server_extension.handler import CallbackHandler

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def load(app: ServerApp) -> None:
    """Add the handler, and announce it. Where it cannot be announced, kernels have the redirect pasted."""
    path = f"{app.base_url.rstrip('/')}{EXTENSION_PATH}"
    of_a_hub = is_the_hubs(app.base_url)
    hub = user_redirect() if of_a_hub else ""
    owner = os.environ.get("JUPYTERHUB_USER", "") if of_a_hub else ""
    os.environ.pop(VARIABLE, None)  # of an outer server
    try:
        announcement = Announcement([path, *([f"{hub}{EXTENSION_PATH}"] if hub else [])], hub)
    except AventusCredsError as fault:
        app.log.warning("aventus-creds: logins in notebooks must be pasted: %s", fault)
        return
    atexit.register(announcement.end)
    sweep(announcement.folder)
    settings = {"folder": announcement.folder, "owner": owner}
    app.web_app.add_handlers(".*$", [(re.escape(path), CallbackHandler, settings)])
    app.io_loop.add_callback(_watch, app, announcement)


def _watch(app: ServerApp, announcement: Announcement) -> None:
    """Note the address that the server's user has in the browser. It runs once the server has its port.

    What is told about each request is the function that logs it, which other extensions may have replaced too.
    """
    _say(app, announcement, known_address(app, ""))
    settings = app.web_app.settings
    log: Callable[[Any], None] = settings["log_function"]

    def log_and_note(handler: Any) -> None:
        log(handler)
        if origin := page_origin(handler):
            _say(app, announcement, known_address(app, origin))

    settings["log_function"] = log_and_note


def _say(app: ServerApp, announcement: Announcement, address: str) -> None:
    if not address or address == announcement.redirect_uri:
        return
    try:
        announcement.say(address)
    except AventusCredsError as fault:
        app.log.warning("aventus-creds: %s", fault)
