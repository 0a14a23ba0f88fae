"""What terminals, chats and shells put round a pasted address."""

from __future__ import annotations

import pytest

from aventus_creds.callbacks.pasted import query_of

ADDRESS = "http://127.0.0.1:8765/callback?code=1&state=2"


@pytest.mark.parametrize(
    "around", ["'{}'", '"{}"', "<{}>", "  {}\t", "\x1b[200~{}\x1b[201~", "{}\r\n", "{}#top"]
)
def test_what_is_around_it_does_no_harm(around: str) -> None:
    """The query comes out bare, from a whole address and from its query alone."""
    assert query_of(around.format(ADDRESS)) == "code=1&state=2"
    assert query_of(around.format("code=1&state=2")) == "code=1&state=2"
    assert query_of(around.format(ADDRESS[:30] + "\n  " + ADDRESS[30:])) == "code=1&state=2"
