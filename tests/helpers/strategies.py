"""Helpers for property tests: how many inputs to try, odd values, a planted secret, and rules for error texts."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from aventus_creds.errors import AventusCredsError

ASKED: Final = int(os.environ.get("AVENTUS_CREDS_TEST_EXAMPLES") or 0)
"""Inputs that each property is to try in a long run; 0 in the quick one, which tries the same ones each time."""

TRIED: Final = [0]
"""How many inputs have been tried; conftest.py counts and tells them."""

SECRET: Final = "PLANTED-secret-91"
"""Stands where a secret may stand; no message may repeat it. Long enough, and unlike any random text."""


def tries(number: int) -> settings:
    """Try ``number`` inputs, or as many more in a long run as its length asks for (100 stand for all of it)."""
    return settings(
        max_examples=max(number, ASKED * number // 100),
        deadline=None,
        database=None,
        derandomize=not ASKED,
        suppress_health_check=list(HealthCheck),
    )


ANY_TEXT: Final = st.text(max_size=30)
"""Surrogates, controls, bidirectional marks and unassigned characters are among them."""

ODD_TEXT: Final = st.sampled_from(
    [
        *("", " ", "\0", "\n", "\r\n", "\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\u202etxt.exe", "\u2066"),
        *("\ufeff", "\ufffd", "\ud800", "\udcff", "\u2028", "\xa0", "\u0661", "\U000e0041", "é", "…", "中"),
        *("%", "%00", "%0a", "%ff", "%zz", "%s", "{}", "{base_url}", "$HOME", "~", "~nobody/x", "..", "<b>"),
        *("NaN", "-1", "1e999", "1_0", "0x10", "true", "null", "A" * 5000, "a1" * 400, "[" * 400, "\\"),
    ]
)
TEXT: Final = ANY_TEXT | ODD_TEXT | st.lists(ODD_TEXT, max_size=3).map("".join)

NUMBERS: Final = (
    st.integers()
    | st.floats()
    | st.sampled_from(
        [0, -1, 1, 10**30, -(10**30), 10**400, 2**63, 1e308, 5e-324, float("nan"), float("inf")]
    )
)
JSON: Final = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn, whole: bytes, tokens: tuple[bytes, ...] = ()) -> bytes:
    """Draw ``whole`` with a few bytes cut out, doubled, or replaced by ``tokens`` or anything."""
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(whole)))
        end = min(len(whole), begin + draw(st.integers(0, 40)))
        pieces = st.sampled_from([b"", whole[begin:end] * 2, *tokens]) if tokens else st.just(b"")
        whole = whole[:begin] + draw(pieces | st.binary(max_size=6)) + whole[end:]
    return whole


def assert_fit_to_be_shown(error: AventusCredsError, longest: int = 20_000, secret: str = SECRET) -> None:
    """Nothing secret, nothing that a terminal would obey, and not endless."""
    text = str(error)
    assert secret not in text
    assert secret not in repr(error)
    assert error.message
    assert all(line.isprintable() for line in text.split("\n")), text
    assert len(text) <= longest
    assert "\n" not in error.hint


def nested(value: Any, depth: int) -> Any:
    """Wrap ``value`` in ``depth`` lists."""
    for _ in range(depth):
        value = [value]
    return value
