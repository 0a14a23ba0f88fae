"""The table that a profile really has: ``[defaults]``, then what it ``extends``, then its own keys.

A key replaces the same key of what is below it, also where it is a table or a list. Each value remembers where it is
written, so that a mistake is told where it must be mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aventus_creds.errors import Problem
from aventus_creds.profiles.advice import did_you_mean
from aventus_creds.profiles.checks import check_profile, fit_to_show
from aventus_creds.profiles.document import Document
from aventus_creds.profiles.included import (
    INCLUDE_ORIGINS,
    allowed_origins,
    first_origins,
    foreign_origins,
    why_not,
)
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.variables import Variables
from aventus_creds.structs import Struct

_KEYS: Final = all_keys()

EXTENDS: Final = "extends"
DEFAULTS: Final = "defaults"


class Given(Struct):
    """The value of a key, and where it is written."""

    value: Any
    document: Document
    path: tuple[str, ...]


class Inherited:
    """A profile with everything that it inherits.

    Args:
        name: the name of the profile. One of the documents has it.
        documents: the user's own file, then those that it includes.
    """

    def __init__(self, name: str, documents: Sequence[Document]) -> None:
        self.name = name
        self.own = documents[0]
        self.problems: list[Problem] = []
        self.incomplete = False  # whether keys are missing
        self._variables = Variables()
        self._faulty: set[str] = set()  # keys whose mistake is told already
        self._chain = self._bases(documents)  # ends early where what is extended is a mistake
        self.document = self._chain[0][0]
        self.given: dict[str, Given] = {}
        for layer in self._layers():
            self.given |= layer
        # Also one whose keys are all replaced: it may hold others tomorrow.
        self.included = [each for each in dict.fromkeys(found for found, _ in self._chain) if each.included]
        self._fill()

    def _bases(self, documents: Sequence[Document]) -> list[tuple[Document, str]]:
        """Return the profile, what it extends, what that extends, and so on."""
        chain = [(next(document for document in documents if self.name in document.profiles), self.name)]
        while True:
            document, name = chain[-1]
            table = document.profiles[name]
            if not isinstance(table, dict) or EXTENDS not in table:
                return chain
            # What is included extends nothing of another file: see profiles/included.py.
            among = [document] if document.included else documents
            base, what = _base(table[EXTENDS], among, chain)
            if base is None:
                self._faulty.add(EXTENDS)
                self.problems.append(document.problem(("profiles", name, EXTENDS), what))
                return chain
            chain.append(base)

    def _layers(self) -> list[dict[str, Given]]:
        """Return the tables from the weakest to the strongest one."""
        documents = dict.fromkeys(document for document, _ in self._chain)
        defaults = [self._layer(document, (DEFAULTS,)) for document in documents if DEFAULTS in document.data]
        return defaults + [
            self._layer(document, ("profiles", name)) for document, name in reversed(self._chain)
        ]

    def _layer(self, document: Document, path: tuple[str, ...]) -> dict[str, Given]:
        table: Any = document.data
        for part in path:
            table = table[part]
        if not isinstance(table, dict):
            what = f"must be a table: write [{'.'.join(map(fit_to_show, path))}]"
            self.problems.append(document.problem(path, what))
            return {}
        layer = {key: Given(value, document, (*path, key)) for key, value in table.items()}
        why = _why_no_default if path == (DEFAULTS,) else _why_not
        for key, value in table.items():
            if what := why(document, key, value):
                self._faulty.add(key)
                self.problems.append(document.problem((*path, key), what))
        layer.pop(EXTENDS, None)
        return layer

    def _fill(self) -> None:
        for key, given in self.given.items():
            if key not in self._faulty:
                self.given[key] = given._replace(value=self._variables.fill(key, given.value))
        for path, what in self._variables.mistakes:
            self.problems.append(self._problem(path, what, alone=True))
            self._faulty.add(path[0])

    def check(self) -> dict[str, Any]:
        """Check the profile. Return the fields for ``Profile``; ignore them if there are ``problems``."""
        if not isinstance(self.document.profiles[self.name], dict):
            return {}
        fields, mistakes = check_profile(
            self.name, {key: given.value for key, given in self.given.items()}, folder=self.own.path.parent
        )
        mistakes = [(key, what) for key, what in mistakes if not key or key[0] not in self._faulty]
        missing = [each for each in mistakes if each[0] and each[0][0] not in self.given]
        self.incomplete = bool(missing)
        if EXTENDS in self._faulty:  # they may be in what was meant
            mistakes = [each for each in mistakes if each not in missing]
        self.problems += [
            self._problem(key, self._variables.told(key[0], what) if key else what) for key, what in mistakes
        ]
        if self.included:
            self._check_secrets()
            if not self.problems:
                self._check_origins(fields)
        return fields

    def _check_secrets(self) -> None:
        whose = self.included[0].label
        for key, given in self.given.items():
            if not given.document.included and key in _KEYS and _KEYS[key].kind.holds == "secret":
                what = (
                    f"profiles.{fit_to_show(self.name)} has keys of {whose}, so it may have no secret: whoever"
                    " changes that file could have the secret sent elsewhere"
                )
                self.problems.append(given.document.problem(given.path, what))

    def _check_origins(self, fields: dict[str, Any]) -> None:
        allowed, mistakes = allowed_origins(self.own)
        if INCLUDE_ORIGINS not in self.own.data:
            allowed = first_origins(self.own, self.name, fields)
        foreign = foreign_origins(fields, allowed)
        if mistakes:
            self.problems += mistakes
        elif foreign:
            listed = ", ".join(f'"{each}"' for each in (*allowed, *foreign))
            what = (
                f"would send requests to {' and '.join(foreign)}, as {self.included[0].label} says. If that is right,"
                f" write {INCLUDE_ORIGINS} = [{listed}] at the top of {self.own.path}"
            )
            self.problems.append(self.document.problem(("profiles", self.name), what))

    def _problem(self, key: tuple[str, ...], what: str, *, alone: bool = False) -> Problem:
        """Return a mistake with the file and the line where it is written.

        Where it is how an inherited value goes with other keys, and not the value ``alone``, it says whose keys.
        """
        given = self.given.get(key[0]) if key else None
        if given is None:
            return self.document.problem(("profiles", self.name, *key), what)
        inherited = given.path[:-1] != ("profiles", self.name)
        if inherited and not alone and _fits(key[0], given.value):
            what = f"{what} (inherited by profiles.{fit_to_show(self.name)})"
        return given.document.problem((*given.path, *key[1:]), what)


def _base(
    named: Any, among: Sequence[Document], chain: Sequence[tuple[Document, str]]
) -> tuple[tuple[Document, str] | None, str]:
    """Return the profile that is extended, or None and what is wrong."""
    if not isinstance(named, str):
        return None, "must be the name of the profile whose keys it takes over"
    found = [document for document in among if named in document.profiles]
    if not found:
        names = [name for document in among for name in document.profiles]
        in_file = " in this file" if among[0].included else ""
        return None, f"there is no profile {named!r}{in_file}{did_you_mean(named, names)}"
    if len(found) > 1:
        where = " and ".join(f"{each.label}:{each.line(('profiles', named))}" for each in found)
        return None, f"there are several profiles {named!r}: {where}"
    if (found[0], named) in chain:
        circle = [*(name for _, name in chain), named]
        return None, f"goes round in a circle: {' → '.join(map(fit_to_show, circle))}"
    return (found[0], named), ""


def _fits(key: str, value: Any) -> bool:
    """Whether the value of a key is right on its own, so that what is wrong is how it goes with other keys."""
    try:
        _KEYS[key].kind.check(value)
    except (KeyError, ValueError):
        return False
    return True


def problems_of_defaults(document: Document) -> list[Problem]:
    """Return what is wrong with ``[defaults]`` on its own, whether or not a profile replaces it."""
    table = document.data[DEFAULTS]
    if not isinstance(table, dict):
        return [document.problem((DEFAULTS,), f"must be a table: write [{DEFAULTS}]")]
    variables = Variables()
    refused = {key: what for key, value in table.items() if (what := _why_no_default(document, key, value))}
    filled = {key: variables.fill(key, value) for key, value in table.items() if key not in refused}
    faulty = {path[0] for path, _ in variables.mistakes}
    _, mistakes = check_profile(DEFAULTS, filled)
    alone = [
        (path, variables.told(path[0], what))
        for path, what in mistakes
        if path and path[0] in filled.keys() - faulty and not _fits(path[0], filled[path[0]])
    ]
    found = [*(((key,), what) for key, what in refused.items()), *variables.mistakes, *alone]
    return [document.problem((DEFAULTS, *path), what) for path, what in found]


def _why_no_default(document: Document, key: str, value: Any) -> str:
    return (
        "a profile extends another one; [defaults] do not"
        if key == EXTENDS
        else _why_not(document, key, value)
    )


def _why_not(document: Document, key: str, value: Any) -> str:
    return why_not(key, value) if document.included else ""
