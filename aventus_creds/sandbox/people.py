"""Who can log in at the sandbox. The one account is printed on its login page."""

from __future__ import annotations

from typing import Final, NamedTuple


class Person(NamedTuple):
    """A resource owner. The username is also the subject (``sub``) of the tokens."""

    username: str
    password: str
    name: str
    email: str


ADA: Final = Person("ada", "analytical-engine", "Ada Lovelace", "ada@example.com")
PEOPLE: Final = {ADA.username: ADA}


def authenticate(username: str, password: str) -> Person | None:
    """Return the person whose credentials these are, or None."""
    person = PEOPLE.get(username)
    return person if person and person.password == password else None
