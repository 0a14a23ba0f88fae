"""Ways to receive the redirect, as one table. Data only: a new callback is a new row and a new module."""

from typing import Final, NamedTuple


class Callback(NamedTuple):
    """A value of the key ``callback``: which ways to receive the redirect are open.

    Several can be open at the same time. The first one that receives the redirect is used.
    """

    name: str
    listens: bool = True  # for the redirect, if it is sent to this machine
    pastes: bool = True  # the user may paste the address that the browser ended at
    only_notebooks: bool = False
    shows: str = "console:ConsoleCallback"
    """The class that shows the address to the user outside notebooks: "module:class" in aventus_creds.callbacks."""


CALLBACKS: Final = {
    row.name: row
    for row in (
        Callback("auto"),
        Callback("loopback", pastes=False),
        Callback("paste", listens=False),
        Callback("widget", only_notebooks=True),
    )
}
DEFAULT_CALLBACK: Final = "auto"
