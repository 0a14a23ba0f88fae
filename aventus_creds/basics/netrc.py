"""Keeping ``~/.netrc`` out: without any auth, requests looks into it and replaces the Authorization header."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


def no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing: an auth for requests that stands in the place where ``~/.netrc`` would be read."""
    return request
