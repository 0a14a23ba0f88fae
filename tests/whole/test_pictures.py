"""The README's pictures: the terminal's is made again here, and those that are kept show a login too."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from support import REPOSITORY, free_port

from aventus_creds.sandbox import Sandbox

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from pictures import PICTURES, THEMES, draw_terminal


def words(picture: str) -> str:
    """Return the text that an SVG shows."""
    return unescape(re.sub(r"<[^>]*>", "", picture.partition("</style>")[2])).replace("\xa0", " ")


def test_a_login_is_drawn_as_it_is(tmp_path: Path, write_profiles: Callable[..., Path]) -> None:
    """By a robot in the browser's place, at 80 columns; nothing is loaded from elsewhere."""
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": sandbox.profiles()["oidc"]})
        draw_terminal(tmp_path)
    for theme in THEMES:
        drawn = (tmp_path / f"terminal-{theme}.svg").read_text("utf-8")
        assert "Logged in to prod as ada" in words(drawn)
        assert "aventus-creds status" in words(drawn)
        assert not re.search(r"url\(.?http|src=", drawn)


@pytest.mark.parametrize("theme", THEMES)
def test_the_pictures_are_there(theme: str) -> None:
    """Light and dark; no code of a login is in them."""
    kept = (PICTURES / f"terminal-{theme}.svg").read_text("utf-8")
    assert "Logged in to prod as ada" in words(kept)
    assert "code=" not in words(kept).replace("response_type=code", "")
    assert (PICTURES / f"panel-{theme}.png").read_bytes().startswith(b"\x89PNG")
    assert f"notebooks/pictures/panel-{theme}.png" in (REPOSITORY / "README.md").read_text("utf-8")
