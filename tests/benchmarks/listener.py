"""Measures how fast the loopback listener answers: from the request of the browser to the last byte of the page."""

from __future__ import annotations

from .bench import Bench
from .measure import Figure, in_turns
from .peers import OURS


def page(bench: Bench) -> list[Figure]:
    """The page comes when the code is exchanged and the token stored. Beside it, that exchange alone."""
    before = (bench.folder / "profiles.toml").read_bytes()
    keys = {"redirect_uri": "http://127.0.0.1:0/callback", "callback": "loopback", "login_timeout": 30}
    bench.write_profiles("profiles.toml", {"login": bench.profile(**keys)})
    try:
        taken = in_turns(bench.children("log_in", [OURS]), bench.pairs)[OURS]
    finally:
        (bench.folder / "profiles.toml").write_bytes(before)
    exchange, whole = "requests.post of the code", "page, with the token stored"
    samples = {exchange: [post * 1e3 for _, post in taken], whole: [page * 1e3 for page, _ in taken]}
    return [Figure("the loopback listener: page asked for to page read: the clock", "ms", samples, whole)]
