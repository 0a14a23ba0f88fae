from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from strategies import tries

from aventus_creds.profiles.lines import line_of

TEXT = '''\
# [profiles.prod] in a comment is no table

default = "prod"   # comment

[profiles.prod]
issuer = """
[profiles.prod]
scope = 1
"""
"client_id" = "x"
'scope' = [
  "a", # audience =
  "b",
]
redirect_uri.inner = 1
redirect_uri.other = { a = { b = 2 } }

[profiles.prod.authorize_params]
prompt = "x"
max_age = "1"

[profiles."with.dot"]
"a b" = 1

[profiles]
inline = { provider = "oidc", nested = { x = 1 } }
dotted.client_id = "y"
dotted.scope = "z"

[[list]]
a = 1
[[list]]
a = 2
[last]
end = 1'''

PLACES = [
    ("default", 3),
    ("profiles", 5),
    ("profiles/prod", 5),
    ("profiles/prod/issuer", 6),
    ("profiles/prod/client_id", 10),
    ("profiles/prod/scope", 11),
    ("profiles/prod/redirect_uri", 15),
    ("profiles/prod/redirect_uri/inner", 15),
    ("profiles/prod/redirect_uri/other", 16),
    ("profiles/prod/redirect_uri/other/a/b", 16),
    ("profiles/prod/authorize_params", 18),
    ("profiles/prod/authorize_params/prompt", 19),
    ("profiles/prod/authorize_params/max_age", 20),
    ("profiles/with.dot", 22),
    ("profiles/with.dot/a b", 23),
    ("profiles/inline", 26),
    ("profiles/inline/provider", 26),
    ("profiles/inline/nested/x", 26),
    ("profiles/dotted", 27),
    ("profiles/dotted/client_id", 27),
    ("profiles/dotted/scope", 28),
    ("list", 30),
    ("last", 34),
    ("last/end", 35),
    # what is not there is looked for at the table that would hold it
    ("profiles/prod/absent", 5),
    ("profiles/prod/authorize_params/absent", 18),
    ("profiles/prod/issuer/deeper", 6),
    ("profiles/inline/absent", 26),
    ("profiles/absent/client_id", 5),
    ("absent", 1),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("path", "line"), PLACES)
def test_line_of_every_way_to_write_a_key(path: str, line: int, newline: str) -> None:
    """Quoted and dotted keys, inline tables, values of several lines and sub-tables are all found."""
    assert line_of(TEXT.replace("\n", newline), tuple(path.split("/"))) == line


def test_the_whole_document_is_on_line_1() -> None:
    """An empty path, and an empty text, are on the first line."""
    assert line_of(TEXT, ()) == 1
    assert line_of("", ("a",)) == 1
    assert line_of("\n\n", ("a",)) == 1


@pytest.mark.parametrize("ending", ["", "\n", "\n\n# end\n"])
def test_a_key_on_the_last_line(ending: str) -> None:
    """The last statement is found with and without a newline at the end of the file."""
    assert line_of("a = 1\nb = '''\n\n'''" + ending, ("b",)) == 2


def test_the_line_of_a_key_is_its_own_and_not_that_of_a_longer_name() -> None:
    """Names that begin alike are told apart."""
    assert line_of("scope_x = 1\nxscope = 2\nscope = 3\n", ("scope",)) == 3


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.text(max_size=12),
        st.just(dt.date(2024, 2, 29)),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def _leaves(table: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in table.items():
        found += _leaves(value, (*path, key)) if isinstance(value, dict) and value else [(*path, key)]
    return found


@tries(60)
@given(document=st.dictionaries(KEYS, VALUES, max_size=4), multiline=st.booleans())
def test_the_line_found_is_where_the_key_is_written(document: dict[str, Any], *, multiline: bool) -> None:
    """The line of each key holds its name, and the lines before it are whole and do not know the key."""
    text = tomli_w.dumps(document, multiline_strings=multiline)
    lines = text.split("\n")
    for path in _leaves(document):
        line = line_of(text, path)
        name = tomli_w.dumps({path[-1]: 0}).removesuffix(" = 0\n")
        assert name in lines[line - 1]
        before = tomllib.loads("\n".join(lines[: line - 1]))
        assert path not in _leaves(before)
