"""Hidden: keeps a secret in a variable out of tracebacks that show variables, out of logs and debuggers."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Hidden(Generic[T]):
    """Holds a value and does not show it in its repr.

    Use it for variables that exist while something can fail or be interrupted: a request, a file access, a
    wait. A value that is computed and returned at once does not need it.

    Args:
        value: the secret. The caller deletes its own variable, or never has one.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value. Pass it on directly; do not assign it to a variable."""
        return self._value

    def __repr__(self) -> str:
        """Return a fixed text, so that nothing of the value is shown."""
        return "<hidden>"

    def __reduce__(self) -> NoReturn:
        """Refuse pickling: a pickle is a copy of the secret that nobody keeps track of."""
        raise TypeError("a hidden value is not pickled")
