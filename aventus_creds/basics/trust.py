"""What https connections trust: loaded once for a process, and not for each connection.

Loading the certificate authorities takes ten times as long as the connection itself. One ``ssl.SSLContext`` serves all
connections that trust the same file with the same content, and that show the same client certificate. Nobody changes
it once it is loaded: whatever else is asked of TLS gets a context of its own, in requests' own way.
"""

from __future__ import annotations

import os
import ssl
import stat
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from requests import adapters
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.util import ssl_

from aventus_creds.basics.forks import ForkLock

MOST: Final = 16
"""Contexts that are kept. A program that trusts another file for each request must not keep them all."""

_contexts: Final[dict[object, ssl.SSLContext]] = {}
_shared: Final[weakref.WeakSet[ssl.SSLContext]] = weakref.WeakSet()  # those that are no longer kept too
_loading: Final = ForkLock()


class TrustingAdapter(HTTPAdapter):
    """An HTTPAdapter whose connections share a context.

    Only a class that sets ``shares_trust`` itself does: a class derived from it may have its own way with TLS.
    """

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for a request. The connection to an https proxy takes its authorities from the pool."""
        if proxies and (select_proxy(request.url, proxies) or "").lower().startswith("https:"):
            verify = _Unshared(_certifi()) if verify is True else verify
            verify = _Unshared(verify) if isinstance(verify, str) else verify
        return super().get_connection_with_tls_context(request, verify, proxies, cert)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Return what decides which pool a request uses: one for each context."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https" and self._shares() and (context := _context(verify, cert)):
            tls = {"cert_reqs": "CERT_REQUIRED", "ssl_context": context}
        return host, tls

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Tell the pool what to trust, unless its context knows already."""
        context = conn.conn_kw.get("ssl_context")
        if context is None or context not in _shared:
            super().cert_verify(conn, url, verify, cert)

    def _shares(self) -> bool:
        return "shares_trust" in vars(type(self)) and "ssl_context" not in self.poolmanager.connection_pool_kw


class _Unshared(str):
    """The path of a bundle for a pool that has a context of its own."""

    __slots__ = ()


def _context(verify: Any, cert: Any) -> ssl.SSLContext | None:
    """Return the context for requests' ``verify`` and ``cert``, or None for what requests does itself.

    That is: trusting everybody, a folder of authorities (OpenSSL reads it at each connection), and what is wrong.
    """
    bundle = _certifi() if verify is True else verify
    pair = cert if isinstance(cert, tuple) else (cert,) if cert else ()
    files = (bundle, *pair)
    if isinstance(bundle, _Unshared) or not all(isinstance(path, str) for path in files):
        return None
    # The class too: truststore puts another one in its place.
    key = (ssl_.SSLContext, *map(_version, files))
    if None in key:
        return None
    found = _contexts.get(key)
    if found is None:
        with _loading:
            found = _contexts.get(key) or _loaded(bundle, pair)
            # What was replaced while it was read is read again by the next connection.
            if found is None or key[1:] != (*map(_version, files),):
                return None
            while len(_contexts) >= MOST:
                del _contexts[next(iter(_contexts))]
            _contexts[key] = found
            _shared.add(found)
    return found


def _certifi() -> str:
    """Return the bundle that requests uses, where it is asked for none. Looked up each time: programs change it."""
    return str(vars(adapters)["DEFAULT_CA_BUNDLE_PATH"])


def _version(path: str) -> tuple[int, ...] | None:
    """Return what changes whenever the file does, or None if there is no such file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - for each request: a Path would take three times as long
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _loaded(bundle: str, pair: tuple[str, ...]) -> ssl.SSLContext | None:
    """Return a context as urllib3 makes it for each connection, or None where it cannot be loaded."""
    context = ssl_.create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    with suppress(OSError, ValueError):  # requests meets the same error, and tells it
        context.load_verify_locations(bundle)
        if pair:
            certificate, key = pair if len(pair) > 1 else (pair[0], None)
            context.load_cert_chain(certificate, key, password=str)  # "": no question at the terminal
        context.set_alpn_protocols(ssl_.ALPN_PROTOCOLS)
        # urllib3 sets them again for each connection, to the same; another thread's might be copying them.
        context.set_alpn_protocols = _set_already  # type: ignore[method-assign]
        return context
    return None


def _set_already(alpn_protocols: Iterable[str]) -> None:
    """Do nothing."""
