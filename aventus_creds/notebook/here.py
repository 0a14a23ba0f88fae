"""Is this code run by a notebook, and by which one? It loads neither ipywidgets nor marimo where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aventus_creds.profiles.grants import GRANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.errors import LoginPending, StepUpRequired
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.tokens import Token


class Cells(Protocol):
    """How a kind of notebook shows a login: ``aventus_creds.notebook.cell`` says what its functions do."""

    log_in_in_cell: Callable[..., Token]
    offer_in_cell: Callable[..., LoginPending | StepUpRequired]


def cells_here(profile: Profile) -> Cells | None:
    """Return how a login to ``profile`` is shown in the notebook that runs this code, or None elsewhere."""
    if not GRANTS[profile.grant].redirects:
        return None
    from aventus_creds.logins.person import jupyter_kernel, marimo_mode

    cells: Cells | None = None
    if marimo_mode():
        from aventus_creds.notebook import marimo as cells  # loads marimo
    elif jupyter_kernel() is not None:
        from aventus_creds.notebook import cell as cells  # loads ipywidgets
    return cells
