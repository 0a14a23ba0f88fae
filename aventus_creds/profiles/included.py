"""Files that profiles.toml includes: what they may hold, and where their profiles may send anything.

A team shares such a file in a repository, so whoever can push a commit writes it. That must bring nobody a secret
or a token of the user. Hence

* it holds no secret and no command, reads environment variables for a secret only, and decides neither which
  certificates are trusted nor where tokens are stored; a profile with any of its keys has no secret of the user's file;
* a profile with any of its keys sends requests only to the origins that it had when this machine first saw it, or that
  the user's own file names. Another address gets nothing, also after a new login.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.places import expand
from aventus_creds.basics.urls import is_loopback, origin, split_url
from aventus_creds.errors import Problem, ProfilesFileError, StoreError
from aventus_creds.profiles.document import Document, read_text
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.kinds import ORIGINS, refers
from aventus_creds.profiles.profile import addresses

_KEYS: Final = all_keys()

INCLUDE: Final = "include"
INCLUDE_ORIGINS: Final = "include_origins"
TOP_KEYS: Final = ("defaults", "profiles")

OF_THE_USER: Final = {
    "ca_bundle": "which certificates are trusted",
    "client_certificate": "which certificate the client shows",
    "store": "where tokens are stored",
    "api_hosts": "which hosts may turn out to be the API's",
}
"""Keys besides secrets that only the user's own file may set, and what each of them decides."""


PLACES: Final = frozenset({"env", "file", "keyring", "username"})
"""Keys of a place of a secret that an included file may name: what is read there goes to the known origins only."""


def read_included(own: Document) -> tuple[list[Document], list[Problem]]:
    """Read the files that ``own`` includes.

    Returns:
        The files that can be read, and what is wrong with the others or in them, outside of their profiles.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    places = own.data[INCLUDE]
    if not isinstance(places, list) or not all(map(_is_path, places)):
        what = 'must be a list of files such as ["~/team/profiles.toml"]'
        return [], [own.problem((INCLUDE,), what)]
    seen = {os.path.realpath(own.path)}
    for place in places:
        path = own.path.parent / expand(place)
        if os.path.realpath(path) in seen:
            problems.append(own.problem((INCLUDE,), f"{place!r} is this file, or is included twice"))
            continue
        seen.add(os.path.realpath(path))
        document = _read(path, place)
        if isinstance(document, str):
            problems.append(own.problem((INCLUDE,), document))
        else:
            documents.append(document)
            problems += _problems(document)
    return documents, problems


def _is_path(place: Any) -> bool:
    return isinstance(place, str) and place != "" and place.isprintable()


def _read(path: Path, place: str) -> Document | str:
    """Return the file, or what is wrong with it."""
    try:
        text, status = read_text(path)
        document = Document(path, text.reveal(), status, label=place, included=True)
    except FileNotFoundError:
        return f"there is no file {path}"
    except ProfilesFileError as fault:
        return fault.message
    return document.fault.message if document.fault else document


def _problems(document: Document) -> list[Problem]:
    return [
        document.problem((key,), f"an included file holds only {' and '.join(TOP_KEYS)}; this is ignored")
        for key in document.data
        if key not in TOP_KEYS
    ]


def why_not(key: str, value: Any) -> str:
    """Return why an included file must not hold ``key`` with this value, or "" if it may."""
    if key in _KEYS and _KEYS[key].kind.holds == "secret":
        if isinstance(value, dict) and value.keys() <= PLACES:
            return ""
        return (
            "an included file holds no secret and no command, only where each of you has it: { env }, { file } or"
            " { keyring }"
        )
    if key in OF_THE_USER:
        return f"an included file does not decide {OF_THE_USER[key]}: set it in your own file"
    if refers(value):
        return "an included file reads no environment variables: set it in your own file"
    return ""


def allowed_origins(own: Document) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the origins that profiles of included files may use, and the mistakes in them."""
    if INCLUDE_ORIGINS not in own.data:
        return (), []
    try:
        return ORIGINS.check(own.data[INCLUDE_ORIGINS]), []
    except ValueError as what:
        return (), [own.problem((INCLUDE_ORIGINS,), str(what))]


def first_origins(own: Document, name: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the origins that a profile had when this machine first saw it, which may be now.

    They are remembered in the state folder. Where that cannot be, none is known.

    Args:
        own: the user's own file.
        name: the profile's name.
        fields: the fields of a Profile.
    """
    import hashlib
    import json

    from aventus_creds.basics.places import state_folder
    from aventus_creds.basics.private_folder import PrivateFolder

    key = hashlib.sha256(f"{own.path}\0{name}".encode()).hexdigest()[:32] + ".json"
    with suppress(StoreError, ValueError):
        folder = PrivateFolder(state_folder() / "included")
        if (kept := folder.read(key)) is not None:
            known = json.loads(kept)
            known = known.get("origins") if isinstance(known, dict) else None
            return tuple(map(str, known)) if isinstance(known, list) else ()
        found = _origins(fields)
        folder.write(key, json.dumps({"file": str(own.path), "profile": name, "origins": found}).encode())
        return tuple(found)
    return ()


def foreign_origins(fields: Mapping[str, Any], allowed: tuple[str, ...]) -> list[str]:
    """Return the origins that a profile would send something to, and that are not in ``allowed``.

    Args:
        fields: the fields of a Profile.
        allowed: as ``allowed_origins`` returns them.
    """
    return [each for each in _origins(fields) if each not in allowed]


def _origins(fields: Mapping[str, Any]) -> list[str]:
    found = [_origin(url) for name, url in addresses(fields) if not _comes_back(name, url)]
    return list(dict.fromkeys(found))


def _comes_back(name: str, url: str) -> bool:
    """Whether this is a redirect URI on this machine. PKCE makes a code in it useless to others."""
    return name == "redirect_uris" and is_loopback(urlsplit(url).hostname)


def _origin(url: str) -> str:
    try:
        return origin(split_url(url))
    except ValueError:  # such as a template that the server's answer fills: its origin is not known
        return url
