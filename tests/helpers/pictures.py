"""Makes the pictures of the README from the real thing: a login at a terminal, and the panel in JupyterLab.

python tests/helpers/pictures.py        writes notebooks/pictures/, light and dark
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import tomli_w
from command_line import ROBOT
from console_terminal import Terminal
from jupyter_apps import Jupyter
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI, TerminalTheme
from rich.text import Text
from support import REPOSITORY

from aventus_creds.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURES: Final = REPOSITORY / "notebooks" / "pictures"
COLUMNS: Final = 80
THEMES: Final = {"light": DEFAULT_TERMINAL_THEME, "dark": MONOKAI}
COMMANDS: Final = ("aventus-creds login prod", "aventus-creds status")
BUTTON: Final = 'from aventus_creds import LoginButton\n\nLoginButton("prod")'


def terminal_text() -> str:
    """Return what a terminal shows of a login, with its colours, as people see it in the end."""
    shown = ""
    for command in COMMANDS:
        terminal = Terminal()
        terminal.resize(COLUMNS)
        with terminal.running(
            sys.executable, "-m", "aventus_creds", *command.split()[1:], BROWSER=ROBOT, TERM="xterm-256color"
        ) as process:
            while process.poll() is None:
                assert terminal.shown is not None
            shown += f"\x1b[1m$ {command}\x1b[0m\n{settled(terminal.shown)}"
        terminal.hang_up()
        os.close(terminal.slave)
    return shown


def settled(shown: str) -> str:
    """Return what is left on the screen: a line that is written over counts as it was written last."""
    lines = shown.replace("\r\n", "\n").split("\n")
    plain = [re.split(r"\r|\x1b\[2K|\x1b\[K", line)[-1] for line in lines]
    return "\n".join(plain)


def picture(text: str, theme: TerminalTheme) -> str:
    """Return an SVG of a terminal with ``text``. It needs no font from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text.rstrip("\n")))
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    return console.export_svg(title="aventus-creds", theme=theme, code_format=form, unique_id="login")


def draw_terminal(folder: Path) -> None:
    """Write the pictures of a login at a terminal."""
    text = terminal_text()
    for name, theme in THEMES.items():
        (folder / f"terminal-{name}.svg").write_text(picture(text, theme), "utf-8")


def draw_panel(folder: Path, page: Page, sandbox: Sandbox) -> None:
    """Write the pictures of the panel that offers a login."""
    place = {name: os.environ[f"AVENTUS_CREDS_{name}"] for name in ("PROFILES", "STATE_DIR")}
    setup = f"import os\nos.environ |= { ({f'AVENTUS_CREDS_{name}': path for name, path in place.items()})!r}"
    with Jupyter("lab", folder) as jupyter:
        jupyter.write("panel.ipynb", setup, BUTTON)
        notebook = jupyter.open(page, "panel.ipynb")
        notebook.run(0)
        notebook.run(1)
        link = notebook.cell(1).get_by_role("link", name="Log in")
        link.wait_for()
        for name in THEMES:
            notebook.dark(name == "dark")
            notebook.cell(1).screenshot(path=PICTURES / f"panel-{name}.png")
        notebook.close()


def main() -> None:
    """Write all pictures anew, from a sandbox and folders that are deleted afterwards."""
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, Sandbox() as sandbox, sync_playwright() as playwright:
        folder = Path(name)
        os.environ["AVENTUS_CREDS_PROFILES"] = str(folder / "profiles.toml")
        os.environ["AVENTUS_CREDS_STATE_DIR"] = str(folder / "state")
        (folder / "profiles.toml").touch(0o600)
        (folder / "profiles.toml").write_text(
            tomli_w.dumps({"profiles": {"prod": sandbox.profiles()["oidc"]}})
        )
        program = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 700}, device_scale_factor=2)
        draw_panel(folder / "jupyter", page, sandbox)
        draw_terminal(PICTURES)
        browser.close()


if __name__ == "__main__":
    main()
