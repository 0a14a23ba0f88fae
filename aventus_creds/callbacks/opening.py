"""Decides which callbacks to open for a login to a profile, in this environment."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from aventus_creds.callbacks import Browser, Callback, Panel
from aventus_creds.errors import CallbackError
from aventus_creds.profiles.callbacks import CALLBACKS, DEFAULT_CALLBACK
from aventus_creds.profiles.checks import can_listen
from aventus_creds.profiles.profile import Profile

if TYPE_CHECKING:
    from aventus_creds.callbacks.loopback import LoopbackCallback


def only_pasted(profile: Profile) -> bool:
    """Whether no redirect of ``profile`` can reach this machine, so that the person must paste its address."""
    return not (
        CALLBACKS[profile.callback].listens
        and (profile.listen or any(map(can_listen, profile.redirect_uris)))
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
        listener, why_alone = _listener(profile)
        if listener is None:
            return [panel(profile.redirect_uris[0], why_alone)]
        return [listener, panel(listener.redirect_uri, "")]
    if way.only_notebooks:
        raise CallbackError(
            f'profile {profile.name} has callback = "{way.name}", which is for notebooks',
            hint=f'Use callback = "{DEFAULT_CALLBACK}", which serves notebooks and terminals.',
        )
    module, _, name = way.shows.partition(":")
    front = getattr(import_module(f"aventus_creds.callbacks.{module}"), name)
    listener, why_alone = _listener(profile)
    if listener is None:
        uri = profile.redirect_uris[0]
        return [front(uri, browser, paste=True, alone=True, why_alone=why_alone)]
    address = listener.one_time_address
    return [
        listener,
        front(listener.redirect_uri, browser, paste=way.pastes, alone=False, one_time_address=address),
    ]


def _listener(profile: Profile) -> tuple[LoopbackCallback | None, str]:
    """Return the open listener, or None and why, if the redirect must be pasted against what is usual.

    If the port is taken, the browser ends at another program, which sees the code. With PKCE it cannot use it
    (RFC 7636 section 1), so the login goes on; without, the error does.
    """
    if only_pasted(profile):
        return None, ""
    from aventus_creds.callbacks.loopback import PortTaken

    try:
        return listen(profile), ""
    except PortTaken as taken:
        if not (CALLBACKS[profile.callback].pastes and profile.pkce):
            raise
        return None, taken.message


def listen(profile: Profile) -> LoopbackCallback:
    """Open a listener at the first redirect URI of ``profile`` that is free.

    Raises:
        CallbackError: none of them can be listened on.
    """
    from aventus_creds.callbacks.loopback import LoopbackCallback

    return LoopbackCallback(
        [uri for uri in profile.redirect_uris if profile.listen or can_listen(uri)], profile.listen
    )
