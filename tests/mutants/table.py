"""The table of mutants: one row for each protection that can be taken out."""

from __future__ import annotations

from typing import Final

from . import (
    of_accounts,
    of_clients,
    of_code_grant,
    of_files,
    of_jupyter_servers,
    of_listener,
    of_machine,
    of_profiles,
    of_proofs,
    of_providers,
    of_renewals,
    of_rules,
    of_servers,
    of_session,
    of_shared_profiles,
    of_sources,
    of_stores,
    of_terminal,
    of_trust,
)
from .mutant import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = (
    *of_code_grant.ROWS,
    *of_servers.ROWS,
    *of_listener.ROWS,
    *of_jupyter_servers.ROWS,
    *of_terminal.ROWS,
    *of_files.ROWS,
    *of_stores.ROWS,
    *of_profiles.ROWS,
    *of_shared_profiles.ROWS,
    *of_providers.ROWS,
    *of_sources.ROWS,
    *of_renewals.ROWS,
    *of_session.ROWS,
    *of_clients.ROWS,
    *of_rules.ROWS,
    *of_machine.ROWS,
    *of_trust.ROWS,
    *of_proofs.ROWS,
    *of_accounts.ROWS,
)
