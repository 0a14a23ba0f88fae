"""Struct: a typing.NamedTuple that is made in a fraction of the time: a script makes ten before its first call.

A NamedTuple evaluates the type of each field and compiles a constructor of its own. Here the types stay text, and all
structs share one constructor. A type checker sees NamedTuple itself, so the two cannot differ in what they offer.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self
    from typing import NamedTuple as Struct
else:

    class _Meta(type):
        """Turns the annotations of a class into fields. Its module needs ``from __future__ import annotations``."""

        def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Meta:
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            body |= {field: property(itemgetter(place)) for place, field in enumerate(fields)}
            body |= {
                "_fields": fields,
                "_field_defaults": defaults,
                "__match_args__": fields,
                "__slots__": (),
            }
            return super().__new__(mcs, name, bases, body)

    class Struct(tuple, metaclass=_Meta):  # noqa: SLOT001 - the metaclass says that there are none
        """An immutable row of named fields: a tuple whose items have names, and may have defaults."""

        def __new__(cls, *values: Any, **named: Any) -> Self:
            """Take the fields in order, or by name. Raises TypeError unless each is given once or has a default."""
            rest = cls._fields[len(values) :]
            filled = {**cls._field_defaults, **named}
            if named.keys() - rest or filled.keys() & rest != {*rest} or len(values) > len(cls._fields):
                wrong = sorted({*rest} - filled.keys()) or sorted(named.keys() - {*rest}) or len(values)
                raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}: look at {wrong}")
            return tuple.__new__(cls, (*values, *[filled[field] for field in rest]))

        @classmethod
        def _make(cls, values: Any) -> Self:
            return cls(*values)

        def _replace(self, **changes: Any) -> Self:
            return type(self)(**(self._asdict() | changes))

        def _asdict(self) -> Mapping[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            """Return the call that makes it."""
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            """Return what copy and pickle make it of."""
            return tuple(self)


__all__ = ["Struct"]
