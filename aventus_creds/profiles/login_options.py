"""LoginOptions: what one login is asked for beside what its profile says. Pure values.

Another scope is asked for beside those of the profile and those that the login has. With ``only_scope`` the profile
is one of its own, whose token has that scope alone and is kept apart.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final

from aventus_creds.errors import ConfigError
from aventus_creds.profiles.kinds import SCOPE
from aventus_creds.profiles.profile import Profile
from aventus_creds.structs import Struct

_SAFE: Final = re.compile(r"[\w:/.,@+= -]+", re.ASCII)


class LoginOptions(Struct):
    """What one login is asked for. ``""`` and None ask for nothing.

    Attributes:
        scope: further scopes, with spaces between them (RFC 6749 section 3.3).
        acr_values: how strong the login must be: one of these, the best first (OpenID Connect Core section 3.1.2.1).
        max_age: how many seconds ago the person may have logged in at the server, at most; 0 has them do so now.
        account: whose login it must be, such as an email address; sent as ``login_hint``.
        prompt: what the server must ask, such as ``select_account``.
    """

    scope: str = ""
    acr_values: str = ""
    max_age: int | None = None
    account: str = ""
    prompt: str = ""

    def applied(self, profile: Profile, held: str | None) -> Profile:
        """Return ``profile`` with what its authorization request asks for.

        Args:
            profile: whose login.
            held: the scopes that the login has already: one that is to have more must not lose them.
        """
        params = dict(profile.authorize_params)
        if self.account:
            params["login_hint"] = self.account
        if self.max_age is not None:
            params["max_age"] = str(self.max_age)
        for name, words in (("prompt", self.prompt), ("acr_values", self.acr_values)):
            before = params.get(name, "")
            if words:
                params[name] = _joined(words, before if isinstance(before, str) else "")
        beside = self.scope or self.acr_values or self.max_age is not None
        scope = _joined(profile.scope, held or "", self.scope) if beside else profile.scope
        return profile._replace(authorize_params=params, scope=scope)

    @property
    def told(self) -> str:
        """What is asked for, for people."""
        parts = []
        if self.scope:
            parts.append(f"the scope {self.scope}")
        if self.acr_values:
            parts.append(f"a login of the class {' or '.join(self.acr_values.split())}")
        if self.max_age is not None:
            parts.append(f"a login that is at most {self.max_age} s old")
        return " and ".join(parts) or "another login"

    @property
    def words(self) -> list[str]:
        """The options of the command ``aventus-creds login``, fit for a shell."""
        age = "" if self.max_age is None else str(self.max_age)
        given = {"--scope": self.scope, "--acr": self.acr_values, "--max-age": age}
        given |= {"--account": self.account, "--prompt": self.prompt}
        return [word for name, value in given.items() if value for word in (name, _quoted(value))]


NO_OPTIONS: Final = LoginOptions()


def only_scope(profile: Profile, scope: str | Iterable[str]) -> Profile:
    """Return ``profile`` with another scope and a place of its own in the store; as it is if the scope is the same.

    Raises:
        ConfigError: it is no scope.
    """
    wanted = checked_scope(scope)
    same = set(wanted.split()) == set(profile.scope.split())
    return profile if same else profile._replace(scope=wanted, scope_apart=True)


def checked_scope(scope: str | Iterable[str]) -> str:
    """Return a ``scope`` from a caller, as text or a list, with spaces between. Raises ConfigError if it is none."""
    try:
        return str(SCOPE.check(scope if isinstance(scope, str) else list(scope)))
    except ValueError as what:
        raise ConfigError(f"scope {what}") from None


def login_words(profile: Profile, options: LoginOptions = NO_OPTIONS) -> str:
    """Return what follows ``aventus-creds login`` for a login to ``profile``, whose scope may be one apart."""
    if profile.scope_apart:
        options = options._replace(scope=profile.scope)
    return " ".join([profile.name, *options.words, *(["--only"] if profile.scope_apart else [])])


def _joined(*lists: str) -> str:
    return " ".join(dict.fromkeys(word for words in lists for word in words.split()))


def _quoted(value: str) -> str:
    return f'"{value}"' if _SAFE.fullmatch(value) else shlex.quote(value)
