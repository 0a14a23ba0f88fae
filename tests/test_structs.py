"""A Struct does what a NamedTuple does."""

from __future__ import annotations

import ast
import copy
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import aventus_creds
from aventus_creds.structs import Struct


class Named(NamedTuple):
    first: str
    second: int = 2
    third: tuple[str, ...] = ()


class Place(Struct):
    first: str
    second: int = 2
    third: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("values", "named"),
    [(("a",), {}), ((), {"first": "a"}), (("a", 5), {"third": ("x",)}), (("a", 1, ("b",)), {})],
)
def test_it_is_what_a_named_tuple_is(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = Place(*values, **named), Named(*values, **named)
    assert tuple(ours) == tuple(theirs) == (ours.first, ours.second, ours.third)
    assert ours._asdict() == theirs._asdict()
    assert ours._fields == theirs._fields
    assert ours._field_defaults == theirs._field_defaults
    assert repr(ours) == repr(theirs).replace("Named", "Place")
    assert tuple(ours._replace(second=7)) == tuple(theirs._replace(second=7))
    assert Place._make(theirs) == ours == copy.deepcopy(ours) == pickle.loads(pickle.dumps(ours))
    assert type(copy.copy(ours)) is Place
    match ours:
        case Place(first, second, third):
            assert (first, second, third) == ours
    assert not hasattr(ours, "__dict__")
    with pytest.raises(AttributeError):
        ours.first = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), (("a",), {"first": "b"}), (("a",), {"other": 1}), (("a", 1, (), 4), {})]
)
def test_each_field_is_given_once(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for kind in (Named, Place):
        with pytest.raises(TypeError, match=r"first|other|4"):
            kind(*values, **named)
    changes: dict[str, Any] = {"other": 1}
    with pytest.raises(TypeError, match="other"):
        Place("a")._replace(**changes)


def test_the_types_of_fields_stay_text() -> None:
    """Otherwise Python 3.14 shows a class in the making no fields (PEP 749)."""
    package = Path(aventus_creds.__file__).parent
    users = [path for path in package.rglob("*.py") if "(Struct)" in path.read_text("utf-8")]
    assert users
    for path in users:
        names = {
            node.module
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.ImportFrom)
        }
        assert "__future__" in names, path
