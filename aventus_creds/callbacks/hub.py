"""What the environment of a JupyterHub says about the server that this process belongs to."""

from __future__ import annotations

import os


def own_servers() -> str:
    """Return the path under which the hub has the servers of this process's user, such as /user/ada/, or ""."""
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if prefix and os.environ.get(
        "JUPYTERHUB_SERVER_NAME"
    ):  # /user/ada/NAME/: the user's other servers count too
        prefix = f"{prefix.rstrip('/').rpartition('/')[0]}/"
    return f"{prefix.rstrip('/')}/" if prefix else ""


def leads_elsewhere(redirect_uri: str) -> str:
    """Return a note that a redirect URI for all users of the hub leads to the default one of several servers, or ""."""
    if not (os.environ.get("JUPYTERHUB_SERVER_NAME") and f"{user_redirect()}/" in redirect_uri):
        return ""
    return (
        ". It leads to your default server of the hub, not to this named one: that must be running, on this machine and"
        " with the same state folder. Otherwise paste the address"
    )


def is_the_hubs(base_url: str) -> bool:
    """Whether the server at ``base_url`` is the one that the hub started, and not one that was started from it."""
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    return bool(prefix) and base_url.rstrip("/") == prefix.rstrip("/")


def user_redirect() -> str:
    """Return the path that leads every user of the hub to their own server, or "" if there is no hub."""
    if not own_servers():
        return ""
    return f"{os.environ.get('JUPYTERHUB_BASE_URL', '/').rstrip('/')}/hub/user-redirect"
