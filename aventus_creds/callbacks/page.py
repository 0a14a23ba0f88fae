"""The page that the browser shows after the redirect. It loads nothing from the network."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import Final

from aventus_creds.callbacks import Reply
from aventus_creds.structs import Struct

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --back: #f4f6f9; --card: #fff;
  --good: #12805c; --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf2; --soft: #a2adbb; --back: #12161c; --card: #1c222b;
    --good: #4fd1a1; --bad: #ff8a80 }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--back); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 32rem; width: 100%; padding: 2.5rem; border-radius: 1rem; background: var(--card);
  text-align: center; box-shadow: 0 1px 2px #0002, 0 12px 32px #0001 }
.mark { width: 3.5rem; height: 3.5rem; margin: 0 auto 1.25rem; border-radius: 50%; display: grid;
  place-items: center; font-size: 1.75rem; color: var(--card) }
.good .mark { background: var(--good) }
.bad .mark { background: var(--bad) }
h1 { margin: 0 0 .5rem; font-size: 1.35rem; line-height: 1.3 }
p { margin: 0; color: var(--soft); white-space: pre-line; overflow-wrap: anywhere }
"""

HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none';"
    f" style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'",
    "Referrer-Policy": "no-referrer",  # its address holds the authorization code
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Connection": "close",
}


class Page(Struct):
    """What a browser gets that brought a redirect."""

    status: int
    heading: str
    text: str
    good: bool = False


def page_of(reply: Reply) -> Page:
    """Return the page that says what came of a redirect."""
    if reply.success:
        return Page(200, reply.text, "You can close this tab.", good=True)
    if reply.ended:
        return Page(200, "The login failed", reply.text)
    return Page(400, "This does not belong to the login", f"{reply.text}\nThe login is still waiting.")


def render(heading: str, text: str, *, good: bool) -> bytes:
    """Return the page as HTML in UTF-8.

    Args:
        heading: the heading, and the title. It is escaped, so it may come from anywhere.
        text: the text below it, escaped too. Line breaks are kept.
        good: whether to show success or a failure.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(heading)}</title><style>{STYLE}</style></head>"
        f'<body><main class="{"good" if good else "bad"}" role="{"status" if good else "alert"}">'
        f'<div class="mark" aria-hidden="true">{"✓" if good else "!"}</div>'
        f"<h1>{html.escape(heading)}</h1><p>{html.escape(text)}</p></main></body></html>"
    ).encode()
