"""The extension of a Jupyter server that receives redirects and passes them on to the kernel whose login waits.

Only a Jupyter server loads it. Installing the package enables it, by a file in
``etc/jupyter/jupyter_server_config.d``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Return where the extension is, as Jupyter Server asks for it."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    """Add the address, and announce it to the kernels of this server."""
    from aventus_creds.server_extension.loading import load

    load(app)
