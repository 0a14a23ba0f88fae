"""The logins of this process: one for each profile and store, however many panels show it."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Final

from aventus_creds.notebook.background import BackgroundLogin

if TYPE_CHECKING:
    from aventus_creds.profiles.login_options import LoginOptions
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.stores import TokenStore

_logins: weakref.WeakValueDictionary[tuple[str, TokenStore], BackgroundLogin] = weakref.WeakValueDictionary()
_logins_lock: Final = threading.Lock()


def background_login(profile: Profile, store: TokenStore, cache: CachedSource) -> BackgroundLogin:
    """Return this process's login for a profile. It is created on first use, and does not start by itself.

    Args:
        profile: the profile to log in to. If it was edited since the last call, the login continues with it.
        store: where the token is stored. Each store has its own login.
        cache: reads and writes the token of ``profile`` in ``store``.
    """
    with _logins_lock:
        login = _logins.get((profile.key, store))
        if login is None:
            login = _logins[profile.key, store] = BackgroundLogin(profile, cache)
        elif login.profile != profile:  # only keys that do not change the token were edited
            login.take(profile, cache)
        return login


def offered_login(
    profile: Profile, store: TokenStore, cache: CachedSource, options: LoginOptions
) -> BackgroundLogin:
    """Return this process's login for a profile, begun anew with what an API wants beside what it has.

    Args:
        profile, store, cache: as for ``background_login``.
        options: what the API wants.
    """
    login = background_login(profile, store, cache)
    login.looked_up()  # a button's search for a token is not the login that is wanted
    login.begin(anew=True, options=options)
    login.looked_up()
    return login


def shown_login(name: str | None) -> BackgroundLogin | None:
    """Return the login of the profile ``name`` that waits for the user in a panel, or None."""
    with _logins_lock:
        return next((one for one in _logins.values() if one.profile.name == name and one.url), None)
