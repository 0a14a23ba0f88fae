"""Secrets in variables, where a traceback with variables, a log, a debugger or a pickle could show them.

Many tools show a traceback together with the local variables of its frames: rich, Sentry, IPython's Verbose mode,
``pytest --showlocals``. A secret is in a variable whenever a function takes it as an argument, and it is shown when
anything fails below that function. So code that may fail, or be interrupted, while it has a secret

* keeps it in a ``Hidden`` and calls ``reveal`` only within the expression that needs the value;
* takes it by a function that is marked ``@hides``, which wraps it before the function's own frame begins;
* raises outside of an except clause where the foreign error may hold it: ``raise … from None`` still keeps it.

IPython's Verbose mode, and whatever else is built on stack_data, also evaluates the attributes and subscripts of the
line that failed, so ``f(token.refresh_token)`` would show the token. They evaluate only what runs no code. So a class
that holds a secret

* derives from ``Secretive``;
* gives each of them out by a ``secret_field``, or keeps it in a ``Hidden``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from operator import attrgetter
from typing import Any, Generic, NoReturn, TypeVar

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


class Secretive:
    """The base of all classes that hold a secret. It refuses pickling: nobody keeps track of such a copy."""

    __slots__ = ()

    instead = "make it anew in the other process"
    """What to do instead of pickling it."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse: copy, dill, cloudpickle and joblib call this too."""
        raise TypeError(f"{type(self).__name__} holds a secret and is not pickled: {self.instead}")

    def __reduce__(self) -> NoReturn:
        """Refuse, as __reduce_ex__ does."""
        self.__reduce_ex__(None)

    def __getstate__(self) -> NoReturn:
        """Refuse: jsonpickle and copyreg call this."""
        self.__reduce_ex__(None)


def secret_field(slot: str) -> Any:
    """Return a property that gives out the attribute ``slot``.

    It is a property because tools that evaluate the attributes of a line run no property. Nothing but the
    constructor may name ``slot`` itself.
    """
    return property(attrgetter(slot))


class Hidden(Secretive, Generic[T]):
    """Holds a value that its repr does not show.

    For variables that live while something may fail or be interrupted: a request, a file, a wait. What is
    computed at once and returned needs none.
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


def hides(method: Callable[[S, Hidden[T]], R]) -> Callable[[S, T], R]:
    """Let ``method`` be called with a secret, and hand it over hidden: no frame that fails has it in a variable."""

    @wraps(method)
    def with_it_hidden(self: S, secret: T) -> R:
        hidden = Hidden(secret)
        del secret  # this frame is in the traceback too
        return method(self, hidden)

    return with_it_hidden
