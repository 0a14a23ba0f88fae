"""ProvingAuth: sends each request to an API with a proof that we have the key of its token (RFC 9449 section 7)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from aventus_creds.basics.hidden import Hidden, Secretive
from aventus_creds.oauth.proofs import APIS, HEADER, WANTS_NONCE, ProofKey, proof_key_of
from aventus_creds.session.bearer import BearerAuth, token_of
from aventus_creds.session.challenges import errors
from aventus_creds.session.presenting import Presentation
from aventus_creds.tokens import jwt_claims

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from aventus_creds.sources.source import TokenSource
    from aventus_creds.tokens import Token


class ProvingAuth(BearerAuth):
    """BearerAuth for tokens that are bound to a key. Its arguments are the same.

    A request that the API refuses only for its nonce is sent once more, with the nonce (section 9). The session
    calls ``follow`` after a redirect, since a proof is for one address.
    """

    _scheme = "dpop"

    def __init__(
        self,
        source: TokenSource,
        origins: Iterable[str],
        *,
        presentation: Presentation | None = None,
        headers: Mapping[str, str] = {},
        when_short: Callable[[requests.Response, Token, bool], Token | None] | None = None,
    ) -> None:
        del presentation  # section 7.1 leaves no choice
        proven = ProvenPresentation()
        super().__init__(source, origins, presentation=proven, headers=headers, when_short=when_short)

    def follow(self, request: requests.PreparedRequest) -> None:
        """Give the ``request`` a proof for the address that a redirect has led to."""
        token = token_of(request)
        if token is not None and self._carries(request, token):
            self._presented.present(request, token)

    @property
    def is_plain(self) -> bool:
        """No: there is a proof beside the token."""
        return False

    def taken(self, token: Token, response: Any) -> None:
        """Note the nonce for the next proof, too."""
        self._nonce(token, response)
        super().taken(token, response)

    def replacement(
        self, token: Token, response: Any, asked_at: float, *, repeatable: bool, stream: bool
    ) -> Token | None:
        """Return the same token, for a proof with the API's nonce, where that is what the API asks for."""
        nonce = self._nonce(token, response)
        before = nonce_of(response.request.headers.get(HEADER, ""))
        once = [each for each in (*response.history, response) if WANTS_NONCE in errors(each, self._scheme)]
        if nonce in {"", before} or response.status_code != 401 or once != [response]:
            return super().replacement(token, response, asked_at, repeatable=repeatable, stream=stream)
        return token if repeatable else None  # the body is used up, but the next request will have the nonce

    def _nonce(self, token: Token, response: Any) -> str:
        """Return the nonce that the API gives in an answer to ``token``, or "", and remember it."""
        url = str(response.url)
        if not self._carries(response.request, token) or not self.covers(url):
            return ""
        return APIS.note(url, response.headers.get("DPoP-Nonce"))


class ProvenPresentation(Presentation):
    """The token in Authorization, and the proof in a header of its own. A token without a key is a bearer token."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        super().__init__()
        # Reading a key takes longer than signing.
        self._last: tuple[Token | None, ProofKey | None] = (None, None)

    def value(self, token: Token) -> str:
        """Return the value of the header Authorization."""
        return f"DPoP {token.access_token}" if token.proof_key else super().value(token)

    def present(self, request: Any, token: Token) -> None:
        """Put the token into ``request``, and the proof for its method and address.

        Raises:
            StoreError: the token's key is damaged.
        """
        request.headers[self.header] = self.value(token)
        request.headers.pop(HEADER, None)
        if key := self._key(token):
            access_token, method, url = (
                Hidden(token.access_token),
                request.method or "",
                str(request.url or ""),
            )

            def proof(nonce: str) -> str:
                number = os.urandom(16)
                return key.proof(method, url, now=time.time(), number=number, nonce=nonce, token=access_token)

            request.headers[HEADER] = Proof(proof, partial(APIS.of, url))

    def _key(self, token: Token) -> ProofKey | None:
        last, key = self._last
        if last is not token:
            key = proof_key_of(token)
            self._last = token, key
        return key


class Proof(Secretive, str):
    """A header's value that is another each time it is written to a connection.

    An API takes a proof once (RFC 9449 section 11.1), and urllib3 repeats a request after a temporary failure with the
    headers that it has. http.client encodes them as it writes them: from the second time on, that makes a new proof.
    """

    __slots__ = ("_make", "_nonce_now", "_written", "nonce")

    nonce: str
    _make: Callable[[str], str]
    _nonce_now: Callable[[], str]
    _written: bool

    def __new__(cls, make: Callable[[str], str], nonce_now: Callable[[], str]) -> Self:
        """Make the first proof.

        Args:
            make: makes a proof with the server's nonce.
            nonce_now: returns that nonce.
        """
        nonce = nonce_now()
        proof = super().__new__(cls, make(nonce))
        proof.nonce, proof._make, proof._nonce_now, proof._written = nonce, make, nonce_now, False
        return proof

    def __repr__(self) -> str:
        """Return a fixed text: a proof is of use to whoever has the token, for a moment."""
        return "<proof>"

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the proof as bytes: this one first, then a new one each time."""
        if not self._written:
            self._written = True
            return super().encode(encoding, errors)
        self.nonce = self._nonce_now()
        return self._make(self.nonce).encode(encoding, errors)


def nonce_of(proof: str) -> str:
    """Return the nonce that a ``proof`` was last written with, or ""."""
    if isinstance(proof, Proof):
        return proof.nonce
    return str(jwt_claims(proof).get("nonce", ""))
