"""Which callbacks a profile's login opens, here and now."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from aventus_creds.callbacks import Browser, Callback
from aventus_creds.errors import CallbackError
from aventus_creds.profiles.callbacks import CALLBACKS, DEFAULT_CALLBACK
from aventus_creds.profiles.checks import can_listen
from aventus_creds.profiles.profile import Profile


def only_pasted(profile: Profile) -> bool:
    """Whether no redirect of ``profile`` can come to this machine: its address must be pasted."""
    return not (
        CALLBACKS[profile.callback].listens
        and (profile.listen or any(map(can_listen, profile.redirect_uris)))
    )


def open_callbacks(
    profile: Profile, browser: Browser | None, panel: Callable[[str], Callback] | None = None
) -> list[Callback]:
    """Open the ways that ``profile`` allows here. The first one's ``redirect_uri`` is the login's.

    ``panel`` makes what stands in the terminal's place, for a redirect URI. Raises CallbackError when none
    of the profile's redirect URIs can be listened on here and now.
    """
    way = CALLBACKS[profile.callback]
    if panel is not None:
        if only_pasted(profile):
            return [panel(profile.redirect_uris[0])]
        listener = listen(profile)
        return [listener, panel(listener.redirect_uri)]
    if way.only_notebooks:
        raise CallbackError(
            f'profile {profile.name} has callback = "{way.name}", which is for notebooks',
            hint=f'Use callback = "{DEFAULT_CALLBACK}", which serves notebooks and terminals.',
        )
    module, _, name = way.shows.partition(":")
    front = getattr(import_module(f"aventus_creds.callbacks.{module}"), name)
    if only_pasted(profile):
        return [front(profile.redirect_uris[0], browser, paste=True, alone=True)]
    listener = listen(profile)
    return [listener, front(listener.redirect_uri, browser, paste=way.pastes, alone=False)]


def listen(profile: Profile) -> Callback:
    """Open a listener at the first of the profile's redirect URIs that is free. Raises CallbackError."""
    from aventus_creds.callbacks.loopback import LoopbackCallback

    return LoopbackCallback(
        [uri for uri in profile.redirect_uris if profile.listen or can_listen(uri)], profile.listen
    )
