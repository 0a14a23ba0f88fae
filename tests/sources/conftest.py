"""Fixtures for the sources: a store and a profile."""

from __future__ import annotations

import pytest
from support import Web, make_profile

from aventus_creds.profiles.profile import Profile
from aventus_creds.stores.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def profile(web: Web) -> Profile:
    return make_profile(token_url=f"{web.url}/token", retries=0, timeout=5)
