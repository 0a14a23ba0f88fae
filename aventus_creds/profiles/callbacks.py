"""How the redirect may come back, as one table. Data only: a new callback is a new row and its module."""

from typing import Final, NamedTuple


class Callback(NamedTuple):
    """A value of the key ``callback``: which ways are open at once; whichever hears of the login first wins."""

    name: str
    listens: bool = True  # for the redirect itself, where it comes to this machine
    pastes: bool = True  # the person may paste the address that the browser ended at
    only_notebooks: bool = False
    shows: str = "console:ConsoleCallback"
    """Who shows the address to the person where no notebook does: "module:class" in aventus_creds.callbacks."""


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
