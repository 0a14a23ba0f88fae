"""What a panel says about a login, as HTML, and how it looks: light or dark, wide or narrow, in every notebook."""

from __future__ import annotations

import html
import math
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aventus_creds.notebook.background import BackgroundLogin

STYLE: Final = """<style>
.aventus-creds-login { --ink: var(--jp-ui-font-color1, currentColor); --soft: var(--jp-ui-font-color2, currentColor);
  --line: var(--jp-border-color2, color-mix(in srgb, currentColor 25%, transparent));
  --bad: var(--jp-error-color0, #c62828); --button: #0b63c5;
  box-sizing: border-box; width: 100%; max-width: 32rem; padding: 14px 16px; gap: 10px; overflow: hidden;
  border: 1px solid var(--line); border-radius: 8px; color: var(--ink);
  font-family: var(--jp-ui-font-family, system-ui, sans-serif); font-size: 14px; }
.aventus-creds-login > * { margin: 0; width: auto; min-width: 0; max-width: 100%; height: auto; }
.aventus-creds-login .widget-html-content, .aventus-creds-login .jupyter-widget-html-content {
  line-height: 1.5; font-size: 14px; white-space: normal; overflow-wrap: anywhere; }
.aventus-creds-login .aventus-creds-status b { display: block; font-size: 16px; font-weight: 600; }
.aventus-creds-login .aventus-creds-status b::before { content: ""; display: inline-block; width: .6em; height: .6em;
  margin-right: .5em; border-radius: 50%; border: 2px solid var(--line); box-sizing: border-box; }
.aventus-creds-login .aventus-creds-in b::before { background: #1a8754; border-color: #1a8754; }
.aventus-creds-login .aventus-creds-waiting b::before { border-color: var(--button); }
.aventus-creds-login .aventus-creds-time, .aventus-creds-login .aventus-creds-help,
.aventus-creds-login .aventus-creds-status span { color: var(--soft); }
.aventus-creds-login a.aventus-creds-link, .aventus-creds-login button.aventus-creds-begin {
  display: inline-block; box-sizing: border-box; width: auto; max-width: 100%; height: auto; padding: 6px 18px;
  border: 0; border-radius: 6px; font: inherit; font-size: 14px; font-weight: 600; line-height: 20px;
  text-decoration: none; white-space: normal; overflow-wrap: anywhere; color: #fff; background: var(--button); }
.aventus-creds-login a.aventus-creds-link:hover, .aventus-creds-login button.aventus-creds-begin:hover {
  background: #094f9e; color: #fff; }
.aventus-creds-login button.aventus-creds-out { width: auto; height: auto; padding: 5px 17px; line-height: 20px;
  border: 1px solid var(--line); border-radius: 6px; background: transparent; color: var(--ink); font-size: 14px; }
.aventus-creds-login button { align-self: flex-start; }
.aventus-creds-login :is(a, button, summary):focus-visible { outline: 2px solid #3d8bfd; outline-offset: 2px; }
.aventus-creds-login .aventus-creds-notice { padding: 6px 12px; border-left: 3px solid var(--line);
  white-space: pre-line; }
.aventus-creds-login .aventus-creds-failed { border-color: var(--bad); }
.aventus-creds-login > :has(> .widget-html-content:empty, > .jupyter-widget-html-content:empty) { display: none; }
.aventus-creds-login summary { cursor: pointer; width: fit-content; }
.aventus-creds-login .aventus-creds-help p { margin: 4px 0 0; }
.aventus-creds-login .aventus-creds-paste { flex-direction: column; align-items: stretch; gap: 2px; }
.aventus-creds-login .aventus-creds-paste label { width: auto; text-align: left; color: var(--ink); }
.aventus-creds-login .aventus-creds-paste input { width: 100%; max-width: 100%; height: 32px; box-sizing: border-box;
  border-radius: 6px; }
.aventus-creds-plain { display: flex; flex-direction: column; }
.aventus-creds-plain > * { align-self: flex-start; }
.aventus-creds-plain > details { align-self: stretch; }
@supports selector(:has(a)) {
  .aventus-creds-login:has(details:not([open])) .aventus-creds-paste { display: none; } }
</style>"""


def status(login: BackgroundLogin, *, visitors: bool = False) -> str:
    """Return who is logged in, and until when.

    Args:
        login: which login.
        visitors: whether visitors see it. They are not told whose login it is.
    """
    name = html.escape(login.profile.name)
    head, rest = f"Not logged in to {name}", ""
    if login.state == "checking":
        head = f"Looking for a login to {name} …"
    elif login.state == "in" and login.token:
        head = f"Logged in to {name}"
        account = "" if visitors else login.token.account
        by = f"as {html.escape(account)} " if account else ""
        endless = login.token.expires_at == math.inf
        rest = by + ("until the API refuses it" if endless else f"until {local(login.token.expires_at)}")
        rest += ", then renewed automatically" if login.token.refresh_token else ""
    return (
        f'{STYLE}<div class="aventus-creds-status aventus-creds-{login.state}" role="status">'
        f"<b>{head}</b> <span>{rest}</span></div>"
    )


def time_left(login: BackgroundLogin) -> str:
    """Return the countdown. It is no part of the status, which screen readers announce when it changes."""
    minutes, seconds = divmod(round(login.seconds_left()), 60)
    return waiting(f", {minutes}:{seconds:02} left")


def waiting(how_long: str) -> str:
    """Return that the login is waited for, and how long: a text that follows on."""
    return (
        '<div class="aventus-creds-time">The login opens in a new tab, and this panel changes by itself.'
        f" Waiting for the login{how_long}.</div>"
    )


def link(login: BackgroundLogin) -> str:
    """Return the link to the login. It contains the OAuth state: show it only while the login waits."""
    url = html.escape(login.url, quote=True)
    name = html.escape(login.profile.name)
    return f'<a class="aventus-creds-link" target="_blank" rel="noopener noreferrer" href="{url}">Log in to {name}</a>'


def notice(login: BackgroundLogin) -> str:
    """Return the message for the user. Only a failure is an alert."""
    kind, role = ("notice aventus-creds-failed", "alert") if login.failed else ("notice", "status")
    return f'<div class="aventus-creds-{kind}" role="{role}">{html.escape(login.notice)}</div>'


def pasting(login: BackgroundLogin, *, in_cell: bool, field: str = "") -> str:
    """Return how to paste the address, folded unless there is no other way.

    Args:
        login: which login.
        in_cell: whether a cell waits for it. A busy kernel hears what is pasted only if the front end uses subshells.
        field: the HTML of the field, if it is not a widget of its own.
    """
    if login.only_pasted:
        text = "After the login, copy the whole address of the new tab, paste it below, and press Enter."
        return f'<div class="aventus-creds-help">{text}{field}</div>'
    text = "Copy its whole address, paste it below, and press Enter."
    if in_cell:
        text += " If nothing happens then, interrupt the cell, and run it again when you are logged in."
    fold = f"<summary>The tab cannot connect?</summary><p>{text}</p>{field}"
    unfolded = "open" if field and login.failed else ""  # somebody is pasting, and this is drawn anew
    return f'<details class="aventus-creds-help" {unfolded}>{fold}</details>'


def served_text(name: str) -> str:
    """Return what visitors of a served notebook see instead of a login, which all of them would share."""
    return (
        f'{STYLE}<div class="aventus-creds-status"><b>No login to {html.escape(name)} here</b> <span>This page is'
        " served to visitors, and all of them would share one login. Its owner logs in outside of it:"
        f" <code>aventus-creds login {html.escape(name)}</code>. If nobody else uses this page, start its server with"
        " <code>AVENTUS_CREDS_INTERACTIVE=1</code>.</span></div>"
    )


def local(moment: float, *, seconds: bool = False) -> str:
    """Return ``moment`` (seconds since the epoch) in local time with its zone, and with the date if it is not today."""
    then = time.localtime(moment)
    clock = "%H:%M:%S %Z" if seconds else "%H:%M %Z"
    return time.strftime(clock if then[:3] == time.localtime()[:3] else f"%d %B, {clock}", then)
