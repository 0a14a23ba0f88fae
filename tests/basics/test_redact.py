"""What of a server's words is shown."""

from __future__ import annotations

import time

import pytest

from aventus_creds.basics.redact import LONGEST, plain


def test_a_secret_that_holds_another() -> None:
    """Of a secret that begins with another one, no rest is left; an absent secret hides nothing."""
    secrets = ("abcdefghij", "abcdefghij-and-more", "")
    assert plain("Sorry. (abcdefghij-and-more), abcdefghij!", secrets) == "Sorry. (…), …!"


@pytest.mark.parametrize(
    "words", ["a" * 1_000_000, "a1" * 500_000, "a " * 500_000, "a" * 31 + "\n" * 1_000_000]
)
def test_endless_words(words: str) -> None:
    """A megabyte of words is shortened in no time."""
    began = time.process_time()
    assert len(plain(words)) <= LONGEST + 1
    assert time.process_time() - began < 2
