"""Ways to receive the redirect, as one table. Data only: a new callback is a new row and a new module."""

from __future__ import annotations

from typing import Final

from aventus_creds.structs import Struct


class Callback(Struct):
    """A value of the key ``callback``: which ways to receive the redirect are open.

    Several can be open at the same time. The first one that receives the redirect is used.
    """

    name: str
    listens: bool = True  # for the redirect, if it is sent to this machine
    pastes: bool = True  # the user may paste the address that the browser ended at
    only_notebooks: bool = False
    extension: bool = False
    """Whether a Jupyter server that has this package's extension may receive it, and pass it on to its kernel."""
    shows: str = "console:ConsoleCallback"
    """The class that shows the address to the user outside notebooks: "module:class" in aventus_creds.callbacks."""


CALLBACKS: Final = {
    row.name: row
    for row in (
        Callback("auto", extension=True),
        Callback("loopback", pastes=False),
        Callback("paste", listens=False),
        Callback("jupyter", listens=False, extension=True),
        Callback("widget", only_notebooks=True, extension=True),
    )
}
DEFAULT_CALLBACK: Final = "auto"

EXTENSION_PATH: Final = "/aventus-creds/callback"
"""Where the extension of a Jupyter server receives redirects, below the server's own address."""

EXTENSION_ADDRESS: Final = "jupyter"
"""A value of ``redirect_uri``: the address of the extension, as the Jupyter server knows it."""


def by_extension(redirect_uri: str) -> bool:
    """Whether ``redirect_uri`` is that of an extension, of whichever Jupyter server."""
    return redirect_uri == EXTENSION_ADDRESS or redirect_uri.partition("?")[0].endswith(EXTENSION_PATH)
