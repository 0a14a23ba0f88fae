"""Which certificate authorities count: the profile's, the environment's, or else those that requests brings."""

from __future__ import annotations

import os
from typing import Final

BUNDLE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Requests looks at the first two. SSL_CERT_FILE is what OpenSSL, conda, Nix and most other programs use."""

OWN_AUTHORITIES: Final = (
    "If its certificates are issued by your organisation, name the file of its authorities: ca_bundle in the"
    f" profile, or {', '.join(BUNDLE_VARIABLES[:-1])} or {BUNDLE_VARIABLES[-1]} in the environment."
)
"""What to do where a server's certificate is not trusted."""


def environment_bundle() -> str | None:
    """Return the file of certificate authorities that the environment names, or None."""
    return next(filter(None, map(os.environ.get, BUNDLE_VARIABLES)), None)
