"""What a Jupyter server with this package's extension says about itself to the processes that it starts.

The extension writes a file in a folder of its user, and names the file in its environment, which kernels and terminals
inherit. So a process knows which of several servers it belongs to, and a kernel on another machine sees that it does.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aventus_creds.basics.files import POSIX
from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import StoreError
from aventus_creds.profiles.callbacks import EXTENSION_ADDRESS
from aventus_creds.structs import Struct

VARIABLE: Final = "AVENTUS_CREDS_JUPYTER"
"""The environment variable that names the file."""

_NO_SERVER: Final = (
    "this process was not started by a Jupyter server that has the extension of aventus-creds, or runs on another"
    " machine than that"
)
_ENDED: Final = "the Jupyter server that started this process has ended, or runs on another machine"


class JupyterServer(Struct):
    """A running Jupyter server that has the extension.

    Attributes:
        folder: where its extension looks for the login that a redirect belongs to.
        redirect_uri: the address of its extension, as browsers see it. "": not known (yet).
        paths: with what the path of a redirect URI ends that leads to this extension.
        hub: the path of a hub that leads to it for its own user, or "".
    """

    folder: PrivateFolder
    redirect_uri: str
    paths: tuple[str, ...]
    hub: str = ""

    def choose(self, redirect_uris: Iterable[str]) -> str:
        """Return which of ``redirect_uris`` leads to this server, or "" if none does, as far as that is known."""
        named = [self.redirect_uri if uri == EXTENSION_ADDRESS else uri for uri in redirect_uris]
        fit = [uri for uri in named if uri and self._receives(urlsplit(uri).path)]
        return self.redirect_uri if self.redirect_uri in fit else next(iter(fit), "")

    def _receives(self, path: str) -> bool:
        of_a_hub = "/hub/user-redirect/" in path
        return path.endswith(self.paths) and (not of_a_hub or (bool(self.hub) and self.hub in path))


class Announcement:
    """The file that a running server keeps about itself. Only the server's extension makes one.

    Raises:
        StoreError: the folder cannot be made, or is not this user's alone.
    """

    def __init__(self, paths: Iterable[str], hub: str) -> None:
        self.folder = PrivateFolder(state_folder() / "jupyter" / _machine())
        self.redirect_uri = ""
        self._name = f"server-{os.getpid()}.json"
        self._paths, self._hub = tuple(paths), hub
        self._sweep()
        self.say("")
        os.environ[VARIABLE] = str(self.folder.path / self._name)

    def say(self, redirect_uri: str) -> None:
        """Write the file. Raises StoreError.

        Args:
            redirect_uri: see ``JupyterServer``.
        """
        self.redirect_uri = redirect_uri
        content = {
            "pid": os.getpid(),
            "machine": platform.node(),
            "redirect_uri": redirect_uri,
            "paths": self._paths,
            "hub": self._hub,
        }
        self.folder.write(self._name, json.dumps(content).encode())

    def end(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            (self.folder.path / self._name).unlink()

    def _sweep(self) -> None:
        """Remove the files of servers that were killed."""
        with suppress(OSError):
            for path in self.folder.path.glob("server-*.json*"):
                number = path.name.removeprefix("server-").partition(".")[0]
                if number.isdigit() and not _runs(int(number)):
                    path.unlink()


def find_server() -> tuple[JupyterServer | None, str]:
    """Return the Jupyter server that this process belongs to, or None and why there is none."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None, _NO_SERVER
    path = Path(named)
    folder = PrivateFolder(path.parent)
    try:
        content = folder.read(path.name)
        if content is None:
            return None, _ENDED
        said = json.loads(content)
        server = JupyterServer(
            folder, str(said["redirect_uri"]), tuple(map(str, said["paths"])), str(said["hub"])
        )
        machine, pid = str(said["machine"]), int(said["pid"])
    except StoreError as fault:
        return None, fault.message
    except (ValueError, TypeError, KeyError):
        return None, f"{path} is not what the extension of aventus-creds writes"
    if machine != platform.node():
        return None, f"this process runs on {platform.node()}, and its Jupyter server on {machine}"
    return (server, "") if _runs(pid) else (None, _ENDED)


def _machine() -> str:
    """Return a name for this machine's part of the folder, which may be in a home that several machines share."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _runs(pid: int) -> bool:
    """Whether there is a process of this number, where one can ask without doing it harm."""
    if not POSIX:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
