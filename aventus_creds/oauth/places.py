"""Reads a token from the place that a profile names, now: nothing is kept.

The places of any secret are read by their reference itself. Here are the two that take a request: the CI job's own OIDC
token, and the tokens that a JupyterHub keeps of its users.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, urlencode

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.redact import plain
from aventus_creds.basics.urls import split_url
from aventus_creds.basics.waits import backoff, pause
from aventus_creds.errors import NetworkError, SecretError
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.found import Found, token_in
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.secrets import SecretRef


def read_place(reference: SecretRef, profile: Profile, *, wants: str = "") -> Found:
    """Return the token in a place.

    Args:
        reference: the place. Not another profile: see sources/places.py.
        profile: whose time limit, retries and certificate authorities a request uses.
        wants: the field to prefer in JSON with several tokens, such as ``id_token``.

    Raises:
        SecretError: it cannot be read, or is no token.
        NetworkError: who has it cannot be reached.
    """
    by_request = _READERS.get(reference.kind)
    content = Hidden(by_request(reference, profile) if by_request else reference.read())
    return token_in(content, f"the {reference.name} in {reference.place}", now=time.time(), wants=wants)


# The token of a CI job, as GitHub Actions gives it: who gives other jobs theirs puts it into a variable or a file, or
# has a command for it. So there is nothing for a library to do.


def _ci_token(reference: SecretRef, profile: Profile) -> str:
    url = _variable("ACTIONS_ID_TOKEN_REQUEST_URL", reference, _NO_CI)
    key = Hidden(_variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", reference, _NO_CI))
    try:
        split_url(url)
    except ValueError as what:
        raise SecretError(f"ACTIONS_ID_TOKEN_REQUEST_URL {what}") from None
    url = f"{url}{'&' if '?' in url else '?'}{urlencode({'audience': reference.named})}"
    answer = _ask(_request(url, "bearer", key), profile)
    return _one_field(answer, "value", f"the CI's answer for {reference.place}")


_NO_CI: Final = (
    "On GitHub, give the job `permissions: id-token: write`. Other systems put the token into a variable or a file:"
    ' write { env = "…" } or { file = "…" }.'
)


# The tokens that a hub keeps of a user: its API has them at /users/NAME, for a server whose token has the scope
# admin:auth_state!user.


def _hub_token(reference: SecretRef, profile: Profile) -> str:
    api = _variable("JUPYTERHUB_API_URL", reference, _NO_HUB).rstrip("/")
    user = _variable("JUPYTERHUB_USER", reference, _NO_HUB)
    key = Hidden(_variable("JUPYTERHUB_API_TOKEN", reference, _NO_HUB))
    answer = _ask(_request(f"{api}/users/{quote(user, safe='')}", "token", key), profile)
    found = _hub_field(answer, reference.named)
    if isinstance(found, SecretError):
        raise found
    return found.reveal()


_NO_HUB: Final = "This works in a server that a JupyterHub has started."


def _hub_field(answer: Answer, field: str) -> Hidden[str] | SecretError:
    model = _object(answer)
    if "auth_state" not in model:
        return SecretError(
            f"the hub's API does not show {field}: this server's token lacks the scope admin:auth_state!user",
            hint="Have the hub's administrator add the scope to the roles user and server; then stop your server and"
            " start it again, from the hub's control panel.",
        )
    state = model["auth_state"]
    if not isinstance(state, dict):
        return SecretError(
            "the hub keeps no tokens of you",
            hint="Have the hub's administrator set Authenticator.enable_auth_state, and log in to the hub again.",
        )
    value: Any = state
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        names = ", ".join(sorted(plain(name) for name, each in state.items() if isinstance(each, str)))
        return SecretError(
            f"what the hub keeps of you has no {field}", hint=f"It has: {names or 'nothing of that kind'}."
        )
    return Hidden(value)


_READERS: Final[dict[str, Callable[[SecretRef, Profile], str]]] = {
    "oidc": _ci_token,
    "jupyterhub": _hub_token,
}


def _variable(name: str, reference: SecretRef, hint: str) -> str:
    if not os.environ.get(name):
        raise SecretError(f"{reference.place} cannot be had here: {name} is not set", hint=hint)
    return os.environ[name]


def _request(url: str, scheme: str, key: Hidden[str]) -> ServerRequest:
    headers = {"Accept": "application/json", "Authorization": f"{scheme} {key.reveal()}"}
    return ServerRequest(url, headers, b"", (key.reveal(),))


def _ask(request: ServerRequest, profile: Profile) -> Answer:
    """Send a GET, and repeat it after temporary failures as the profile says.

    Raises:
        NetworkError: nobody answers, or says to try again later.
        SecretError: the answer is a refusal.
    """
    for attempt in range(profile.retries + 1):
        fault: NetworkError | None = None
        try:
            answer = Transport(profile).fetch(request)
        except NetworkError as unreachable:
            fault = unreachable
        else:
            if answer.status < 500 and answer.status != 429:
                break
            fault = NetworkError(
                f"{_bare(request)} answered with HTTP {answer.status}", hint="Try again later."
            )
        if attempt == profile.retries or not pause(backoff(attempt)):
            raise fault
    if answer.status != 200:
        said = plain(_object(answer).get("message"), request.secrets)
        raise SecretError(
            f"{_bare(request)} refused the request: {said or 'no reason given'} (HTTP {answer.status})"
        )
    return answer


def _bare(request: ServerRequest) -> str:
    return request.url.partition("?")[0]


def _one_field(answer: Answer, name: str, what: str) -> str:
    if not isinstance(_object(answer).get(name), str):
        raise SecretError(f"{what} has no {name}")
    return str(_object(answer)[name])


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
