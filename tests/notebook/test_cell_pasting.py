"""A cell whose login can only be pasted: a busy kernel may not hear the paste."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aventus_creds.errors import LoginPending, LoginTimeout
from aventus_creds.notebook.cell import log_in_in_cell
from aventus_creds.notebook.registry import background_login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.chain import shared_source
from aventus_creds.stores.opening import default_store

PASTED = {
    "authorize_url": "https://as.example.com/authorize",
    "token_url": "https://as.example.com/token",
    "client_id": "c",
    "redirect_uri": "https://notebooks.example.com/callback",
    "login_timeout": 3,
}


def test_a_cell_does_not_wait_for_what_can_only_be_pasted(
    write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends at once and says what to do, and the panel above it still takes the paste."""
    monkeypatch.setattr("aventus_creds.notebook.watching.TICK", 0.02)
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    monkeypatch.setattr("IPython.display.update_display", lambda *_, **__: None)
    write_profiles({"prod": PASTED})
    profile, store = read_profiles().profile("prod"), default_store()
    cache = shared_source(profile, store)
    login = background_login(profile, store, cache)
    try:
        with pytest.raises(LoginPending, match="cannot come to this kernel"):
            log_in_in_cell(profile, store, cache)
        assert login.state == "waiting"
    finally:
        if login._attempt:
            login._attempt.fail(LoginTimeout("the test is over"))
        login._watchers.clear()
        if login._running:
            login._running.join(5)
