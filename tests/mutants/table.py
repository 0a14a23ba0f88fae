"""The table of mutants: one row for each protection that can be taken out."""

from __future__ import annotations

from typing import Final

from . import (
    of_code_grant,
    of_files,
    of_listener,
    of_profiles,
    of_renewals,
    of_servers,
    of_session,
    of_sources,
    of_stores,
    of_terminal,
)
from .mutant import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = (
    *of_code_grant.ROWS,
    *of_servers.ROWS,
    *of_listener.ROWS,
    *of_terminal.ROWS,
    *of_files.ROWS,
    *of_stores.ROWS,
    *of_profiles.ROWS,
    *of_sources.ROWS,
    *of_renewals.ROWS,
    *of_session.ROWS,
)
