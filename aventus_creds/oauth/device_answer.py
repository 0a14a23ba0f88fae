"""Reads the answer of a device authorization endpoint (RFC 8628 section 3.2). No I/O, no clock."""

from __future__ import annotations

import math
from typing import Any, Final

from aventus_creds.basics.hidden import Secretive, secret_field
from aventus_creds.basics.urls import split_url
from aventus_creds.errors import InvalidAnswer, ServerError
from aventus_creds.oauth.answer import Answer, json_object, number
from aventus_creds.oauth.refusal import refusal
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.profiles.profile import Profile

SHORTEST_INTERVAL: Final = 0.1
"""Seconds between two polls of a device login, at least. A server that says 0 would be polled without a pause."""

LONGEST_INTERVAL: Final = 60.0
"""Seconds between two polls of a device login, at most."""

DEFAULT_DEVICE_LIFETIME: Final = 600.0
"""Seconds that a device code is assumed to live if its answer does not say, although it must."""

LONGEST_CODE: Final = 100
"""Characters of a user code at most: a person types it."""

LONGEST_ADDRESS: Final = 2000
"""Characters of an address that a person opens, at most. A QR code has room for 2,953."""


class DeviceAuthorization(Secretive):
    """What a person needs to log in on another device, and how to ask for the outcome (RFC 8628 section 3.2).

    ``expires_in`` and ``interval`` are in seconds. The device code is a secret of this client: do not show
    it.
    """

    __slots__ = (
        *("_device_code", "expires_in", "interval"),
        *("user_code", "verification_uri", "verification_uri_complete"),
    )

    device_code: str = secret_field("_device_code")

    def __init__(
        self,
        *,
        device_code: str,
        user_code: str,
        verification_uri: str,
        verification_uri_complete: str,
        expires_in: float,
        interval: float,
    ) -> None:
        self._device_code = device_code
        self.user_code: Final = user_code
        self.verification_uri: Final = verification_uri
        self.verification_uri_complete: Final = verification_uri_complete
        self.expires_in: Final = expires_in
        self.interval: Final = interval

    def __repr__(self) -> str:
        """Return the address for the person, without the codes."""
        return f"<DeviceAuthorization at {self.verification_uri}>"


def read_device_authorization(
    profile: Profile, answer: Answer, request: ServerRequest
) -> DeviceAuthorization:
    """Read the answer of the device authorization endpoint (RFC 8628 section 3.2).

    Args:
        profile: whose login.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of error messages.

    Raises:
        TokenRefused: the answer is an OAuth error, or its status is not 2xx.
        InvalidAnswer: codes are missing, or the address is not safe to open (see ``split_url``).
    """
    outcome = _device_authorization(profile, answer, request)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


def _device_authorization(
    profile: Profile, answer: Answer, request: ServerRequest
) -> DeviceAuthorization | ServerError:
    found = json_object(answer)
    if not 200 <= answer.status < 300 or found.get("error"):
        return refusal(profile, answer, request)
    device_code: Any = found.get("device_code")
    user_code: Any = found.get("user_code")
    if not _is_word(device_code) or not _is_word(user_code, LONGEST_CODE):
        return InvalidAnswer(
            f"the answer of {request.url} holds no usable device code and user code", hint=_DEVICE_HINT
        )
    # Some servers still use the name of an early draft.
    uri: Any = found.get("verification_uri") or found.get("verification_url")
    complete: Any = found.get("verification_uri_complete") or ""
    try:
        for address in (uri, complete or uri):
            _check_address(address)
    except ValueError as what:
        return InvalidAnswer(
            f"in the answer of {request.url}, the verification address {what}", hint=_DEVICE_HINT
        )
    interval, lifetime = number(found.get("interval")), number(found.get("expires_in"))
    return DeviceAuthorization(
        device_code=device_code,
        user_code=user_code,
        verification_uri=uri,
        verification_uri_complete=complete,
        expires_in=lifetime if lifetime and lifetime > 0 else DEFAULT_DEVICE_LIFETIME,
        # 5 seconds is the default in section 3.2.
        interval=5.0
        if interval is None or interval < 0
        else min(max(interval, SHORTEST_INTERVAL), LONGEST_INTERVAL),
    )


_DEVICE_HINT: Final = "Check device_url in the profile, or tell whoever runs the server."


def _check_address(address: Any) -> None:
    split_url(address if isinstance(address, str) else "")
    if len(address) > LONGEST_ADDRESS:
        raise ValueError(f"must not be longer than {LONGEST_ADDRESS} characters")


def _is_word(value: Any, longest: float = math.inf) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
