"""Is this code run by a notebook, and by which one? It loads neither ipywidgets nor marimo where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aventus_creds.profiles.grants import GRANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.profiles.profile import Profile
    from aventus_creds.tokens import Token


def login_in_cell(profile: Profile) -> Callable[..., Token] | None:
    """Return the function that shows a login in the notebook that runs this code, or None elsewhere."""
    if not GRANTS[profile.grant].redirects:
        return None
    from aventus_creds.logins.person import jupyter_kernel, marimo_mode

    in_cell: Callable[..., Token] | None = None
    if marimo_mode():
        from aventus_creds.notebook.marimo import log_in_in_cell as in_cell  # loads marimo
    elif jupyter_kernel() is not None:
        from aventus_creds.notebook.cell import log_in_in_cell as in_cell  # loads ipywidgets
    return in_cell
