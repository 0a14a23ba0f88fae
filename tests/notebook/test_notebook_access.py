"""The panel of a login in JupyterLab and Notebook 7 for everybody: by keyboard alone, and readable in both themes.

``Desk`` is a person at a notebook.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from notebook_desk import BUTTON, LOGGED_IN, Desk, fill_in, only_lab

pytestmark = pytest.mark.heavy


@only_lab
def test_the_keyboard_is_enough(desk: Desk) -> None:
    """Tab reaches the link, the fold, the paste box and the buttons in this order, each has a name, Enter works."""
    from playwright.sync_api import expect

    notebook = desk.open(BUTTON)
    notebook.run(1)
    desk.link.wait_for()
    expect(desk.link).to_have_accessible_name(re.compile("Log in"))
    notebook.cell(1).focus()
    for _ in range(12):
        desk.page.keyboard.press("Tab")
        if desk.link.evaluate("node => node === document.activeElement"):
            break
    expect(desk.link).to_be_focused()
    with desk.page.context.expect_page() as opened:
        desk.page.keyboard.press("Enter")
    tab = opened.value
    tab.get_by_label("Username").wait_for()
    tab.close()
    desk.page.bring_to_front()
    desk.link.focus()
    desk.page.keyboard.press("Tab")
    expect(desk.fold).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(desk.paste_box).to_have_accessible_name(re.compile("[Aa]ddress"))
    desk.page.keyboard.press("Tab")
    expect(desk.paste_box).to_be_focused()
    desk.page.wait_for_timeout(2500)  # the countdown goes on, and takes the focus from nobody
    expect(desk.paste_box).to_be_focused()
    address = desk.address()
    desk.page.keyboard.insert_text(address)
    desk.page.keyboard.press("Enter")
    desk.says(LOGGED_IN)
    desk.button("Log out").focus()
    desk.page.keyboard.press("Enter")
    desk.says("Not logged in")
    expect(desk.panel.locator("[role=status]").first).to_contain_text("Not logged in")


# The contrast of a text's colour with what is behind it (WCAG 2.2, 1.4.3).
CONTRAST = """node => {
  const pen = document.createElement('canvas').getContext('2d');
  const parts = colour => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = rgb => {
    const [r, g, b] = rgb.slice(0, 3).map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = node;
  while (behind && parts(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
  const ground = light(behind ? parts(getComputedStyle(behind).backgroundColor) : [255, 255, 255]);
  const ink = light(parts(getComputedStyle(node).color));
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}"""


# Whether anything of the panel sticks out of it, or the panel out of the page.
STICKS_OUT = """panel => {
  const frame = panel.getBoundingClientRect();
  const out = [...panel.querySelectorAll('*')].filter(node => {
    const box = node.getBoundingClientRect();
    return box.width && (box.right > frame.right + 1 || box.left < frame.left - 1);
  });
  return out.length || frame.right > window.innerWidth || panel.scrollWidth > panel.clientWidth + 1;
}"""


@only_lab
def test_both_themes(desk: Desk, tmp_path: Path) -> None:
    """Each state is readable in the light and in the dark theme, and fits in 360 pixels; pictures to look at."""
    notebook = desk.open(BUTTON)
    notebook.run(1)
    wrong: list[str] = []

    def look(state: str) -> None:
        for theme in ("dark", "light"):
            notebook.dark(theme == "dark")
            for width in (360, 1280):
                desk.page.set_viewport_size({"width": width, "height": 720})
                desk.page.wait_for_timeout(300)  # the colours fade over
                notebook.cell(1).screenshot(path=tmp_path / f"{state}-{theme}-{width}.png")
                if desk.panel.first.evaluate(STICKS_OUT):
                    wrong.append(f"{theme}, {state}, {width}: it sticks out")
            for node in desk.panel.locator("[class^=aventus-creds-], button, summary").all():
                # The countdown replaces its text each second, perhaps while it is measured: then once more.
                contrast = max(node.evaluate(CONTRAST) for _ in "12")
                wrong.extend([f"{theme}, {state}: {node.inner_text()!r}, {contrast:.1f}"] * (contrast < 4.5))

    desk.link.wait_for()
    if desk.page.locator("#jp-left-stack").is_visible():  # else it takes all of 360 pixels
        notebook.command("application:toggle-left-area")
    look("waiting")
    address = desk.address()
    desk.fold.click()
    look("unfolded")
    desk.paste("http://127.0.0.1/callback?code=x&state=y")
    desk.panel.get_by_role("alert").wait_for()
    assert desk.paste_box.is_visible()  # the field stays where it is
    assert desk.link.is_visible()
    look("wrong-paste")
    desk.paste(address)
    desk.says(LOGGED_IN)
    look("logged-in")
    desk.button("Log out").click()
    desk.button("Log in to prod").wait_for()
    assert desk.panel.get_by_role("alert").count() == 0
    look("logged-out")
    desk.button("Log in to prod").click()
    tab = desk.follow_link()
    fill_in(tab, "Deny")
    desk.panel.get_by_text("access_denied").wait_for()
    tab.close()
    look("refused")
    desk.page.set_viewport_size({"width": 1280, "height": 720})
    assert wrong == []
