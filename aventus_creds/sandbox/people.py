"""The people who can log in at the sandbox. The login page shows the first account; the other is for a second login."""

from __future__ import annotations

from typing import Final, NamedTuple


class Person(NamedTuple):
    """A resource owner. The username is also the subject (``sub``) of the tokens."""

    username: str
    password: str
    name: str
    email: str


ADA: Final = Person("ada", "analytical-engine", "Ada Lovelace", "ada@example.com")
GRACE: Final = Person("grace", "nanosecond", "Grace Hopper", "grace@example.com")
PEOPLE: Final = {person.username: person for person in (ADA, GRACE)}


def authenticate(username: str, password: str) -> Person | None:
    """Return the person with these credentials, or None."""
    person = PEOPLE.get(username)
    return person if person and person.password == password else None
