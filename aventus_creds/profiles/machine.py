"""Machine: what a profile says about tokens and keys that the machine has, beside or instead of a client secret."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aventus_creds.basics.owners import Weakness
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.profiles.token_places import PLACES
from aventus_creds.structs import Struct


class Machine(Struct):
    """The values of MACHINE_KEYS, checked. Most profiles have none. It holds references, never the secrets."""

    token: SecretRef | None = None
    subject_token: SecretRef | None = None
    subject_token_type: str = ""
    actor_token: SecretRef | None = None
    actor_token_type: str = ""
    resource: tuple[str, ...] = ()
    requested_token_type: str = ""
    client_assertion: SecretRef | None = None
    client_key: SecretRef | None = None
    client_key_id: str = ""
    client_key_algorithm: str = ""
    client_certificate: str = ""
    assertion_audience: str = ""
    service_account: SecretRef | None = None
    assertion_claims: Mapping[str, Any] = {}
    id_token_algorithm: str = ""  # by which the server signs this client's ID tokens, if the profile says so
    others: tuple[str, ...] = ()  # what identifies the logins of the profiles that it refers to

    @property
    def identity(self) -> list[object]:
        """What of it determines the token, for the profile's fingerprint: not how the client authenticates."""
        values = [getattr(self, name) for name in DETERMINES_TOKEN]
        return [_whose(value) if isinstance(value, SecretRef) else value for value in values]

    @property
    def references(self) -> tuple[SecretRef, ...]:
        """Every reference, in the order of the fields."""
        return tuple(value for value in self if isinstance(value, SecretRef))

    @property
    def keys(self) -> tuple[SecretRef, ...]:
        """The references among them that lead to a key, and to no token."""
        return tuple(filter(None, (self.client_key, self.service_account)))

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles that it refers to."""
        return tuple(each.named for each in self.references if each.kind == "profile")

    def relative_to(self, folder: Path) -> Machine:
        """Return the same settings, with relative files and programs starting from ``folder``."""
        return self._each(lambda reference: reference.relative_to(folder))

    def distrusted(self, distrust: Weakness) -> Machine:
        """Return the same settings, which run no command: other users may have written it."""
        return self._each(lambda reference: reference.distrusted(distrust))

    def _each(self, change: Callable[[SecretRef], SecretRef]) -> Machine:
        fields = self._asdict().items()
        changed: dict[str, Any] = {name: change(v) for name, v in fields if isinstance(v, SecretRef)}
        return self._replace(**changed)


DETERMINES_TOKEN: Final = (
    *("token", "subject_token", "subject_token_type", "actor_token", "actor_token_type"),
    *("resource", "requested_token_type", "service_account", "assertion_claims", "others"),
    "client_assertion",  # whose it is, says the CI: the client alone may be many jobs
)


def _whose(reference: SecretRef) -> list[str]:
    """Return where a token is, and what says whose it is: two CI jobs, or two users, share no token.

    All of it as hashes: the arguments of a command, and a variable, may hold secrets.
    """
    variables = (reference.named,) if reference.kind == "env" else PLACES[reference.kind].whose
    return [reference.kind, _hash(reference.named), *(_hash(os.environ.get(name, "")) for name in variables)]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
