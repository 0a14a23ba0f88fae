"""How the client authenticates: which method, what it takes, and what of it a request shows.

The methods are rows of profiles/client_auths.py. One rule serves every endpoint where a client authenticates: token,
refresh, device authorization and revocation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aventus_creds.errors import ConfigError
from aventus_creds.profiles.client_auths import CREDENTIALS, METHODS, Method, candidates
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.kinds import any_of
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import ClientAuth

JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def chosen_method(profile: Profile, document: Mapping[str, Any]) -> ClientAuth:
    """Return how the profile's client authenticates.

    Args:
        profile: which of the methods it has what they take for, or the one that it names.
        document: the server's discovery document; ``{}`` if there is none. Without a word of it, the client uses
            Basic (OpenID Connect Discovery section 3) or the best that it has.

    Raises:
        ConfigError: the server takes none of those.
    """
    possible = candidates(_credentials(profile), signs=GRANTS[profile.grant].signs)
    if profile.client_auth:
        possible = [METHODS[profile.client_auth]]
    elif not possible:  # a public client: what it would use if it had a secret
        possible = candidates(("client_secret",), signs=False)
    listed = document.get("token_endpoint_auth_methods_supported")
    if not isinstance(listed, list) or not _authenticates(profile):
        return _first(possible, listed).name
    taken = [row for row in possible if not row.registered or {*row.registered} & {*map(str, listed)}]
    if not taken and not any(row.lenient for row in possible):
        from aventus_creds.basics.redact import plain  # most documents name what the client has

        names = any_of((row.registered[0] for row in possible), "and")
        raise ConfigError(
            f"the server of profile {profile.name} does not take {names}, which the profile has what it takes for, but"
            f" {any_of([plain(name, public=True) for name in listed] or ['nothing'], 'and')}",
            hint=f"Have the client registered for it, or give the profile one of {', '.join(CREDENTIALS)} that fits.",
        )
    return (taken or [row for row in possible if row.lenient])[0].name


def _first(possible: list[Method], listed: Any) -> Method:
    named = [row for row in possible if isinstance(listed, list) and {*row.registered} & {*map(str, listed)}]
    return (named or possible)[0]


def _credentials(profile: Profile) -> list[str]:
    return [key for key in CREDENTIALS if getattr(profile, key, None) or getattr(profile.machine, key, None)]


def _authenticates(profile: Profile) -> bool:
    return bool(candidates(_credentials(profile), signs=GRANTS[profile.grant].signs))


def signing_algorithms(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the algorithms that the server takes of a client's assertion; () where its document does not say."""
    listed = document.get("token_endpoint_auth_signing_alg_values_supported")
    return tuple(map(str, listed)) if isinstance(listed, list) else ()


def for_certificates(profile: Profile, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the addresses that clients with a certificate use (RFC 8705 section 5)."""
    aliases = document.get("mtls_endpoint_aliases")
    if not (profile.machine and profile.machine.client_certificate and isinstance(aliases, dict)):
        return document
    return document | {name: url for name, url in aliases.items() if name in _ALIASED}


_ALIASED: Final = (
    *("token_endpoint", "revocation_endpoint", "device_authorization_endpoint"),
    "pushed_authorization_request_endpoint",
)


def client_fields(client_id: str, method: ClientAuth, credential: str | None) -> dict[str, str]:
    """Return the parameters by which a client names itself, and proves it if it has a ``credential``."""
    named = {"client_id": client_id} if client_id else {}
    if credential is None:
        return named
    if METHODS[method].sends == "assertion":
        return {**named, "client_assertion_type": JWT_BEARER, "client_assertion": credential}
    return {**named, "client_secret": credential}
