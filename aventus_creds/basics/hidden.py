"""Hidden: a secret in a variable, where a traceback with variables, a log or a debugger could show it."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Hidden(Generic[T]):
    """Holds a value that its repr does not show.

    For variables that live while something may fail or be interrupted: a request, a file, a wait. What is
    computed in one go, and returns, needs none.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value. Pass it on at once, and keep it in no variable."""
        return self._value

    def __repr__(self) -> str:
        """Return nothing of the value."""
        return "<hidden>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle is a copy of the secret in a place nobody watches."""
        raise TypeError("a hidden value is not pickled")
