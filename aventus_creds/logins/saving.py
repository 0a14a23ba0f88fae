"""Stores the token of a finished login. If that fails, the login still counts: the person did their part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aventus_creds.errors import AventusCredsError

if TYPE_CHECKING:
    from aventus_creds.tokens import Token


def why_unsaved(save: Callable[[Token], None], token: Token) -> str:
    """Store ``token``, and return "" or why that failed: a text for a NotSavedWarning.

    Args:
        save: may raise anything. A keyring that is not installed is a ConfigError, for example.
        token: of the login that has just ended.
    """
    try:
        save(token)
    except AventusCredsError as fault:
        return str(fault)
    except Exception as fault:  # noqa: BLE001 - its text may hold secrets, and the login must not be lost
        return f"the token store failed ({type(fault).__name__})"
    return ""
