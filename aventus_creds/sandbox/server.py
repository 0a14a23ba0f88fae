"""The sandbox itself: a server on a loopback port, with methods for tests and the command line."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from aventus_creds.sandbox.app import create_app
from aventus_creds.sandbox.dialects import DIALECTS, Dialect
from aventus_creds.sandbox.journal import Journal, Record
from aventus_creds.sandbox.state import State
from aventus_creds.sandbox.switches import Switches
from aventus_creds.sandbox.trial import Trial

HOST: Final = "127.0.0.1"
BACKLOG: Final = 128
"""Connections that may wait to be accepted, for tests with many processes."""


class Sandbox(Switches):
    """A local authorization server and API with all dialects, each under its own path.

    ::

        with Sandbox() as sandbox:
            profiles = sandbox.profiles()

    The port is bound at once. ``with`` or ``serve_forever`` starts to answer, ``close`` stops. It listens on
    127.0.0.1 only and keeps everything in memory. See Switches for what can be changed while it runs.

    :param port: the port; 0 takes any free one. Raises OSError if it is taken
    :param redirect_uri: the redirect URI registered for every client; ``register`` adds more
    :param token_lifetime: seconds that access tokens live; None leaves it to the dialects
    :param refresh_rotation: whether refresh tokens are one-time; None leaves it to the dialects
    :param refresh_grace: seconds in which a used one-time refresh token may be used once more
    :param device_interval: seconds between two polls of a device login
    :param dialects: the authorization servers; ``dialects.known.KNOWN`` has those at their own addresses
    :param audiences: further identifiers of the API, in addition to its base URL, such as ``opus-prod-api``
    :param verbose: write each request to stderr, without its query
    """

    def __init__(  # noqa: PLR0913 - what a sandbox can be
        self,
        port: int = 0,
        *,
        redirect_uri: str = "http://127.0.0.1:8765/callback",
        token_lifetime: int | None = None,
        refresh_rotation: bool | None = None,
        refresh_grace: float = 0,
        device_interval: float = 5,
        audiences: tuple[str, ...] = (),
        dialects: tuple[Dialect, ...] = DIALECTS,
        verbose: bool = False,
    ) -> None:
        super().__init__()
        self.token_lifetime = token_lifetime
        self.refresh_rotation = refresh_rotation
        self.refresh_grace = refresh_grace
        self.device_interval = device_interval
        self._redirect_uri = redirect_uri
        self._dialects = dialects
        self._state = State(redirect_uri)
        self._journal = Journal()
        self._thread: Thread | None = None
        self._trial: Trial | None = None
        # If the port is taken, werkzeug ends the process. Binding the socket here raises OSError instead.
        with socket.create_server((HOST, port), backlog=BACKLOG) as listening:
            self.url = f"http://{HOST}:{listening.getsockname()[1]}"
            app = create_app(
                dialects, self.url, (f"{self.url}/", *audiences), self._state, self, self._journal
            )
            handler = _LoudHandler if verbose else _Handler
            self._server = _Server(HOST, 0, app, handler, fd=listening.fileno())

    def __enter__(self) -> Self:
        """Start to answer, in a daemon thread, unless ``use`` has done so."""
        if self._thread is not None:
            return self
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.05,), name="aventus-creds sandbox", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and close the port."""
        self.close()

    def use(self, **profiles: str | Mapping[str, Any]) -> Self:
        """Start to answer, and give this process profiles to try things on instead of its own, until ``close``.

        ::

            with Sandbox().use(prod="oidc"):
                get_session("prod")

        :param profiles: each new name, and what it is: a name in ``profiles()``, or the keys of a profile
        """
        ours = self.profiles()
        self._trial = Trial(
            {name: ours[keys] if isinstance(keys, str) else keys for name, keys in profiles.items()}
        )
        return self.__enter__()

    def serve_forever(self) -> None:
        """Answer in this thread until it is interrupted, then close the port."""
        try:
            self._server.serve_forever(0.05)
        finally:
            self.close()

    def close(self) -> None:
        """Stop and close the port. Delayed answers are sent at once. It may be called twice."""
        self._closing.set()
        if self._thread is not None:
            with suppress(OSError):
                self._server.socket.shutdown(socket.SHUT_RDWR)  # the thread wakes up
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        if self._trial is not None:
            self._trial.close()
            self._trial = None

    @property
    def journal(self) -> list[Record]:
        """The requests so far, oldest first, as a new list."""
        return self._journal.read()

    @property
    def reuse_detections(self) -> int:
        """How often a one-time refresh token was used again."""
        return self._state.reuse_detections

    def logins(self, client_id: str) -> int:
        """Return how many authorization codes a client has been given."""
        return self._state.logins[client_id]

    def register(self, redirect_uri: str) -> None:
        """Register one more redirect URI for every client."""
        with self._state.lock:
            self._state.redirect_uris |= {redirect_uri}

    def trust(self, public_key: Any, *, client_id: str = "", workload: str = "") -> None:
        """Register a public key: of a client that signs (oidc-key), or of an issuer whose tokens are taken.

        :param public_key: a JWK, as a dictionary; an issuer's must have a ``kid``
        :param client_id: the client that signs with it; "" for an issuer, such as a CI or a Kubernetes
        :param workload: the ``sub`` in that issuer's tokens with which the client oidc-workload may authenticate
        """
        self._state.trust(public_key, client_id=client_id, workload=workload)

    def revoke_all(self, client_id: str, *, refresh_tokens: bool = True) -> None:
        """Revoke all tokens of a client, or only its access tokens."""
        self._state.revoke_all(client_id, refresh_tokens=refresh_tokens)

    @property
    def shown(self) -> list[str]:
        """The names of the profiles that the demo logs in to, in its order."""
        clients = [client for dialect in self._dialects for client in dialect.clients]
        return [client.profile for client in clients if client.profile and client.in_demo]

    def profiles(self) -> dict[str, dict[str, Any]]:
        """Return the profiles of all clients by name, ready for ``[profiles.NAME]`` in profiles.toml."""
        places = {"url": self.url, "redirect_uri": self._redirect_uri}
        return {
            client.profile: {
                **{key: template.format_map(places) for key, template in dialect.profile.items()},
                "client_id": client.client_id,
                **({"scope": client.scope} if client.scope else {}),
                **({} if client.public else {"client_secret": client.secret}),
                **({"client_auth": "basic"} if client.auth == "client_secret_basic" else {}),
                **({"dpop": True} if client.bound else {}),
                **({"par": True} if client.pushes else {}),
            }
            for dialect in self._dialects
            for client in dialect.clients
            if client.profile
        }


class _Server(ThreadedWSGIServer):
    """Its end ends its connections too: a browser opens one for later use and may keep it for minutes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._connections: set[Any] = set()
        super().__init__(*arguments, **named)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._connections):
            with suppress(OSError):  # it has just ended
                connection.shutdown(socket.SHUT_RD)  # an answer under way is still written


class _Handler(WSGIRequestHandler):
    """Writes no log."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's
        pass


class _LoudHandler(_Handler):
    """Writes each request to stderr. Queries hold codes and states, so they are left out."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - werkzeug's
        path = getattr(self, "path", "").partition("?")[0]
        sys.stderr.write(f"{getattr(self, 'command', '-')} {path} {code}\n")
