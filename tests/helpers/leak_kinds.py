"""Raises every kind of error in errors.py, in a process of leak_witness.py. No variable here holds a secret."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from aventus_creds import errors as kinds
from aventus_creds import get_session, get_token, login, logout
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

Failing = Callable[..., AbstractContextManager[None]]
Tell = Callable[[str], str]
MODES = (
    "quote",
    "quote-text",
    "quote-nested",
    "unusable",
    "other-type",
    "endless",
    "redirect",
    "drop",
    "html",
)


def every_kind(tell: Tell, browser: Callable[[str], None], failing: Failing) -> None:
    """Run all of it."""
    of_the_configuration(failing)
    of_logins(tell, browser, failing)
    of_refreshes(tell, browser, failing)
    of_stores(tell, browser, failing)


def of_the_configuration(failing: Failing) -> None:
    with failing(kinds.ProfilesFileError):
        read_profiles(os.getenv("BROKEN_TOML", ""))
    with failing(kinds.ProfileNotFound):
        get_token("nowhere")
    with failing(kinds.ProfileError):
        read_profiles().profile("mistaken")
    with failing(kinds.ConfigError):
        get_token("damaged")


def of_logins(tell: Tell, browser: Callable[[str], None], failing: Failing) -> None:
    from urllib.parse import urlsplit

    profile = read_profiles().profile("evil")
    with (
        socket.create_server(("127.0.0.1", urlsplit(profile.redirect_uris[0]).port or 0)),
        warnings.catch_warnings(),
        failing(kinds.CallbackError),
    ):
        login("evil", browser=browser)
    with failing(kinds.LoginTimeout):
        login("evil-slow", browser=lambda _: None)
    tell("mode denied")
    with failing(kinds.LoginRefused):
        login("evil", browser=browser)
    with failing(kinds.RedirectRejected):
        Authorization(profile, OAuthClient(profile).endpoints, "http://127.0.0.1/", random=os.urandom).accept(
            "state=x"
        )
    pasted = read_profiles().profile("by-paste")
    from aventus_creds.notebook.cell import log_in_in_cell

    with failing(kinds.LoginPending):
        log_in_in_cell(pasted, store := MemoryStore(), cached_source(pasted, store))


def of_refreshes(tell: Tell, browser: Callable[[str], None], failing: Failing) -> None:
    tell("mode good")
    old = aged(login("evil", browser=browser))
    with failing(kinds.StepUpRequired):
        get_session("evil").get("/short")
    with failing(kinds.SecretError):
        refresh("evil-secret", old)
    for mode in MODES:
        tell(f"mode {mode}")
        for name in ("evil", "evil-discovery"):
            with failing(kinds.AventusCredsError):
                refresh(name, old)
        with failing(kinds.AventusCredsError):
            get_token("evil-service")
    with failing(kinds.AventusCredsError):
        OAuthClient(read_profiles().profile("evil-secret")).revoke(old)
    print(logout("evil"))
    tell("mode drop")
    with failing(kinds.NetworkError):
        refresh("evil", old)
    tell("mode good")
    with failing(kinds.LifetimeTooShort):
        get_token("evil-service", min_ttl=10**9)
    with failing(kinds.LoginRequired):
        get_token("evil", interactive=False)


def refresh(name: str, old: Token) -> object:
    """Renew ``old``, which is in the store of the profile ``name``."""
    profile, store = read_profiles().profile(name), MemoryStore()
    store.save(profile.key, old)
    return get_token(name, interactive=False, store=store)


def aged(token: Token) -> Token:
    """Return ``token`` as it is when it has expired."""
    return Token(token.access_token, expires_at=2, obtained_at=1, refresh_token=token.refresh_token)


class Taken(MemoryStore):
    """A store that somebody else has written to."""

    def save(self, key: str, token: Token) -> None:
        raise kinds.StoreConflict(f"{key} is newer")


def of_stores(tell: Tell, browser: Callable[[str], None], failing: Failing) -> None:
    tell("mode good")
    profile, token = read_profiles().profile("evil"), login("evil", browser=browser)
    with failing(kinds.StoreConflict):
        cached_source(profile, Taken()).keep(token)
    folder = Path(os.getenv("STATE_OF_NO_USE", ""))
    folder.write_text("no folder")
    store: Any = FileStore(folder)
    for use in (store.load, store.delete, store.lock, lambda key: store.save(key, token)):
        with failing(kinds.StoreError), use("key"):
            pass
