"""Decides which callbacks to open for a login to a profile, in this environment."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from aventus_creds.callbacks import Browser, Callback, Panel
from aventus_creds.callbacks.hub import own_servers
from aventus_creds.errors import CallbackError
from aventus_creds.profiles.callbacks import CALLBACKS, DEFAULT_CALLBACK, EXTENSION_ADDRESS, by_extension
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.redirects import can_listen
from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.callbacks.announcement import JupyterServer
    from aventus_creds.callbacks.jupyter import JupyterCallback
    from aventus_creds.callbacks.loopback import LoopbackCallback

SHARED_PORT: Final = (
    "Users of a hub who share a machine share its ports: another user's program can take this one, and then gets the"
    " redirect. Use the extension of aventus-creds for Jupyter servers instead, unless each server has a network of its"
    " own."
)

_NOT_KNOWN: Final = "the address of this Jupyter server is not known"


class ThroughJupyter(Struct):
    """The way through the Jupyter server's extension.

    Attributes:
        redirect_uri: the address of the extension that the login uses, or "" if this way is not open.
        server: the Jupyter server, if there is one.
        why_not: why this way is not open, if the profile has an address of an extension.
    """

    redirect_uri: str = ""
    server: JupyterServer | None = None
    why_not: str = ""


def through_jupyter(profile: Profile) -> ThroughJupyter:
    """Look whether a redirect of ``profile`` can come back through the Jupyter server that started this process."""
    if not (CALLBACKS[profile.callback].extension and any(map(by_extension, profile.redirect_uris))):
        return ThroughJupyter()
    from aventus_creds.callbacks.announcement import find_server

    server, why_not = find_server()
    if server is None:
        return ThroughJupyter(why_not=why_not)
    if uri := server.choose(profile.redirect_uris):
        return ThroughJupyter(uri, server)
    if EXTENSION_ADDRESS in profile.redirect_uris:
        return ThroughJupyter(why_not=_NOT_KNOWN)
    return ThroughJupyter(
        why_not=f"no redirect_uri of the profile leads to this Jupyter server ({server.paths[0]})"
    )


def only_pasted(profile: Profile) -> bool:
    """Whether no redirect of ``profile`` can reach this process, so that the person must paste its address."""
    return not (through_jupyter(profile).redirect_uri or _listens(profile))


def why_not_forwarded(profile: Profile) -> str:
    """Return why ``listen`` may be a bad choice here, or "" if the login does not use it or this is no hub."""
    forwarded = profile.listen and own_servers() and not through_jupyter(profile).redirect_uri
    return SHARED_PORT if forwarded and CALLBACKS[profile.callback].listens else ""


def pasted_uri(profile: Profile) -> str:
    """Return the redirect URI of a login whose redirect is pasted.

    Raises:
        CallbackError: there is none, since the address of the Jupyter server is not known.
    """
    known = _addresses(profile)
    if CALLBACKS[profile.callback].extension:  # port 0, for example, is for listeners
        known = [*filter(by_extension, known), *known]
    if known:
        return known[0]
    from aventus_creds.callbacks.announcement import find_server

    server, why_not = find_server()
    if server is not None and server.redirect_uri:
        return server.redirect_uri
    raise CallbackError(
        f'profile {profile.name} has redirect_uri = "{EXTENSION_ADDRESS}", and {why_not or _NOT_KNOWN}',
        hint="Write the address that is registered for the Jupyter server, or list a further redirect URI:"
        f' redirect_uri = ["{EXTENSION_ADDRESS}", "…"]',
    )


def open_callbacks(profile: Profile, browser: Browser | None, panel: Panel | None = None) -> list[Callback]:
    """Open the callbacks that ``profile`` allows. Use the ``redirect_uri`` of the first one for the login.

    Args:
        profile: its key ``callback`` decides which ways are used.
        browser: opens the login's address. None: the system's browser.
        panel: makes the callback that a notebook shows instead of the terminal. None: use the terminal.

    Returns:
        The callbacks, not started yet. The caller closes them.

    Raises:
        CallbackError: no redirect URI of the profile can be listened on, and pasting is not allowed, or its
            callback is for notebooks only.
    """
    way = CALLBACKS[profile.callback]
    if panel is not None:
        receiver, why_alone = _receiver(profile)
        if receiver is None:
            return [panel(pasted_uri(profile), why_alone)]
        return [receiver, panel(receiver.redirect_uri, "")]
    if way.only_notebooks:
        raise CallbackError(
            f'profile {profile.name} has callback = "{way.name}", which is for notebooks',
            hint=f'Use callback = "{DEFAULT_CALLBACK}", which serves notebooks and terminals.',
        )
    module, _, name = way.shows.partition(":")
    front = getattr(import_module(f"aventus_creds.callbacks.{module}"), name)
    receiver, why_alone = _receiver(profile)
    if receiver is None:
        return [front(pasted_uri(profile), browser, paste=True, alone=True, why_alone=why_alone)]
    address = receiver.one_time_address
    return [
        receiver,
        front(receiver.redirect_uri, browser, paste=way.pastes, alone=False, one_time_address=address),
    ]


def _receiver(profile: Profile) -> tuple[JupyterCallback | LoopbackCallback | None, str]:
    """Return what receives the redirect, or None and why, if it must be pasted against what is usual.

    If the port is taken, the browser ends at another program, which sees the code. With PKCE it cannot use it
    (RFC 7636 section 1), so the login goes on; without, the error does.
    """
    jupyter = through_jupyter(profile)
    if jupyter.server is not None:
        from aventus_creds.callbacks.jupyter import JupyterCallback

        return JupyterCallback(jupyter.redirect_uri, jupyter.server), ""
    if not _listens(profile):
        return None, jupyter.why_not
    from aventus_creds.callbacks.loopback import PortTaken

    try:
        return listen(profile), ""
    except PortTaken as taken:
        if not (CALLBACKS[profile.callback].pastes and profile.pkce):
            raise
        return None, jupyter.why_not or taken.message


def listen(profile: Profile) -> LoopbackCallback:
    """Open a listener at the first redirect URI of ``profile`` that is free.

    Raises:
        CallbackError: none of them can be listened on.
    """
    from aventus_creds.callbacks.loopback import LoopbackCallback

    return LoopbackCallback(
        [uri for uri in _addresses(profile) if profile.listen or can_listen(uri)], profile.listen
    )


def _addresses(profile: Profile) -> list[str]:
    return [uri for uri in profile.redirect_uris if uri != EXTENSION_ADDRESS]


def _listens(profile: Profile) -> bool:
    addresses = _addresses(profile)
    return CALLBACKS[profile.callback].listens and bool(
        (profile.listen and addresses) or any(map(can_listen, addresses))
    )
