"""A browser that a program drives: it logs in at the sandbox as a person would. For demo and tests.

As a program: ``BROWSER="python -m aventus_creds.sandbox.robot %s"``.
"""

from __future__ import annotations

import argparse
import sys
from html.parser import HTMLParser
from ipaddress import ip_address
from threading import Lock, Thread
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from aventus_creds.sandbox.people import ADA, PEOPLE

TIMEOUT: Final = 30
"""Seconds for one page."""
MOST_PAGES: Final = 20
"""Pages after which it gives up: then it is going in circles."""


class Page(NamedTuple):
    """What the browser shows: the text, and the HTTP status."""

    status: int
    text: str


class Robot:
    """Opens the login page, fills in the form and follows the redirects to the client's callback.

    It never leaves this computer: a redirect to another host is not followed. With a ``proxy`` for https, whose
    certificates are by ``authorities`` (a file), it logs in at the addresses of real servers that lead to the sandbox.

    :ivar visited: how many addresses it was asked to open
    :ivar last_page: the page at which it ended, or None
    :ivar failure: why a thread ended without a page, or None
    """

    def __init__(
        self,
        username: str = ADA.username,
        password: str = ADA.password,
        *,
        allow: bool = True,
        proxy: str = "",
        authorities: str = "",
    ) -> None:
        self.visited = 0
        self.last_page: Page | None = None
        self.failure: requests.RequestException | None = None
        self._answers = {
            "username": username,
            "password": password,
            "decision": "allow" if allow else "deny",
        }
        self._proxy = proxy
        self._authorities = authorities
        self._threads: list[Thread] = []
        self._lock = Lock()

    def __call__(self, url: str) -> bool:
        """Open ``url`` in a new thread, and return True at once, as a browser does."""
        thread = Thread(target=self._browse_quietly, args=(url,), name="robot", daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()
        return True

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002
        """Open ``url``, with the signature of a browser controller of the module ``webbrowser``."""
        return self(url)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for all threads and return whether they have ended.

        Args:
            timeout: seconds to wait for each thread. None: without a limit.
        """
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in threads)

    def browse(self, url: str) -> requests.Response:
        """Open ``url`` and return the last response. Raises requests.RequestException."""
        return self._walk(url, stop_at="")

    def approve(self, verification_uri: str, user_code: str = "") -> requests.Response:
        """Decide a device login at its page (RFC 8628 section 3.3).

        Args:
            verification_uri: the address of the page.
            user_code: the code to type. Empty if the address contains it.

        Raises:
            requests.RequestException: a page cannot be loaded.
        """
        return self._walk(verification_uri, stop_at="", user_code=user_code)

    def redirect_address(self, url: str) -> str:
        """Log in and return the address of the redirect, without opening it.

        Args:
            url: the authorization request.

        Raises:
            requests.RequestException: a page cannot be loaded.
            ValueError: the login ended without a redirect.
        """
        callback = parse_qs(urlsplit(url).query).get("redirect_uri", [""])[0]
        response = self._walk(url, stop_at=callback)
        address = _next_address(response)
        if not address:
            raise ValueError(f"the login ended on a page with status {response.status_code}, not a redirect")
        return address

    def _browse_quietly(self, url: str) -> None:
        try:
            self.browse(url)
        except requests.RequestException as fault:
            self.failure = fault

    def _walk(self, url: str, *, stop_at: str, user_code: str = "") -> requests.Response:
        with self._lock:
            self.visited += 1
        with requests.Session() as session:
            session.trust_env = False
            if self._proxy:
                session.proxies, session.verify = {"https": self._proxy}, self._authorities
            response = session.get(url, allow_redirects=False, timeout=TIMEOUT)
            submitted = False
            for _ in range(MOST_PAGES):
                address = _next_address(response)
                form = None if submitted or address else _login_form(response.text)
                if form:
                    submitted = True
                    answers = {
                        **form.fields,
                        **self._answers,
                        **({"user_code": user_code} if user_code else {}),
                    }
                    response = session.post(
                        urljoin(response.url, form.action),
                        data=answers,
                        allow_redirects=False,
                        timeout=TIMEOUT,
                    )
                elif address and _is_loopback(address) and not (stop_at and address.startswith(stop_at)):
                    response = session.get(address, allow_redirects=False, timeout=TIMEOUT)
                else:
                    self.last_page = Page(response.status_code, response.text)
                    return response
        raise requests.TooManyRedirects(f"no end after {MOST_PAGES} pages", response=response)


class _Form(HTMLParser):
    """The fields of a page's form. If ``wants_password``, it is a login form."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.wants_password = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form and its inputs."""
        values = dict(attrs)
        if tag == "form":
            self.action = values.get("action") or ""
        elif tag == "input" and (name := values.get("name")):
            self.fields[name] = values.get("value") or ""
            self.wants_password = self.wants_password or values.get("type") == "password"


def _login_form(html: str) -> _Form | None:
    form = _Form()
    form.feed(html)
    form.close()
    return form if form.wants_password else None


def _next_address(response: requests.Response) -> str:
    return urljoin(response.url, response.headers["Location"]) if response.is_redirect else ""


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def main() -> int:
    """Open the address from the command line. Return 0 unless it ended on an error page."""
    parser = argparse.ArgumentParser(prog="python -m aventus_creds.sandbox.robot", description=__doc__)
    parser.add_argument("url", help="the authorization request to log in at")
    parser.add_argument("--deny", action="store_true", help="deny the access instead of allowing it")
    parser.add_argument("--username", choices=PEOPLE, default=ADA.username, help="who logs in")
    arguments = parser.parse_args()
    person = PEOPLE[arguments.username]
    try:
        response = Robot(person.username, person.password, allow=not arguments.deny).browse(arguments.url)
    except requests.RequestException as fault:
        # Only the type: the text would quote the redirect, and with it the authorization code.
        sys.stderr.write(f"robot: {type(fault).__name__}\n")
        return 1
    return 0 if response.status_code < 400 else 1


if __name__ == "__main__":
    sys.exit(main())
