"""Tells PyInstaller what a program needs of this package: it looks here by an entry point of the distribution."""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folder with the hook, as PyInstaller asks for it."""
    return [str(Path(__file__).parent)]
