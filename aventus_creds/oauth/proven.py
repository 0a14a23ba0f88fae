"""Has an answer's ID token been made by this server, for this client and the same person as before?"""

from __future__ import annotations

import time
from typing import Final

from aventus_creds.errors import InvalidAnswer
from aventus_creds.oauth.id_token import wrong_id_token
from aventus_creds.oauth.request import Endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

_MIX_UP: Final = "Log in again. If that does not help, tell whoever runs the server."


def proven(
    token: Token, profile: Profile, endpoints: Endpoints, transport: Transport, url: str, before: Token | None
) -> Token:
    """Return ``token``, whose ID token is right (OpenID Connect Core sections 3.1.3.7 and 12.2).

    Args:
        token: what the server has just given.
        profile, endpoints, transport: the client's.
        url: where the answer is from, for the message.
        before: the token that it replaces; None for a login, whose signature is checked too.

    Raises:
        InvalidAnswer: it is not.
    """
    wrong = wrong_id_token(token, profile, endpoints, now=time.time(), before=before)
    if not wrong and before is None:
        from aventus_creds.oauth.id_signature import wrong_signature  # at logins alone

        wrong = wrong_signature(token, profile, endpoints, transport)
    if wrong:
        raise InvalidAnswer(f"the ID token in the answer of {url} {wrong}", hint=_MIX_UP)
    return token
