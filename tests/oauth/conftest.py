"""Fixtures for OAuth: a folder for the documents that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from aventus_creds.basics.private_folder import PrivateFolder


@pytest.fixture
def cache(tmp_path: Path) -> PrivateFolder:
    return PrivateFolder(tmp_path / "state" / "discovery")
