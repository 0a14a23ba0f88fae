"""The command doctor: checks in order what a login needs, and suggests a fix for each problem."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import click

from aventus_creds.basics.places import profiles_path, state_folder
from aventus_creds.callbacks.opening import listen, only_pasted
from aventus_creds.cli.arguments import optional_name
from aventus_creds.cli.commands import exit_code
from aventus_creds.cli.mixups import mixups
from aventus_creds.errors import AventusCredsError, ConfigError, InvalidAnswer, NetworkError, StoreError
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.profiles.stores import DEFAULT_STORE, STORES
from aventus_creds.sources.chain import injected_source
from aventus_creds.stores.opening import store_for, store_name
from aventus_creds.tokens import Token, until, utc

if TYPE_CHECKING:
    from aventus_creds.oauth.request import Endpoints, ServerRequest

TOLERATED_SKEW: Final = 30
"""Seconds that this machine's clock may differ from the server's clock."""


@click.command(short_help="Check all that a login needs.", epilog="Example: aventus-creds doctor prod")
@optional_name
@click.pass_context
def doctor(ctx: click.Context, name: str | None) -> None:
    """Check all that a login to NAME (or to every profile) needs, with a fix for what is amiss."""
    patient = _Patient()
    names: list[str] = []
    with patient.check("the profiles file"):
        file = read_profiles()
        if problems := file.problems():
            raise ConfigError("\n".join(map(str, problems)))
        names = [file.chosen(name)] if name else list(file.names)
        patient.note(str(profiles_path()))
    if not (names and _all_elsewhere(file, names)):
        with patient.check("the state folder"):
            patient.note(_state_folder())
    for each in names:
        click.echo(f"\n{fit_to_show(each)}")
        _examine(patient, each)
    for warning in mixups(file, names, fetch=True) if names else ():
        click.echo(f"\nwarning: {warning}")
    ctx.exit(patient.code)


class _Patient:
    """Prints the result of each check, and keeps the exit code of the first one that failed."""

    def __init__(self) -> None:
        self.code = 0
        self._note = ""

    def note(self, text: str) -> None:
        """Print ``text`` next to the current check if it passes."""
        self._note = text

    @contextmanager
    def check(self, title: str) -> Iterator[None]:
        """Run a check in the ``with`` block. It fails if the block raises an AventusCredsError."""
        self._note = ""
        try:
            yield
        except AventusCredsError as error:
            self.code = self.code or exit_code(error)
            click.echo(f"  ✗ {title}: " + str(error).replace("\n", "\n    "))
        else:
            click.echo(f"  ✓ {title}{': ' if self._note else ''}{self._note}")


def _examine(patient: _Patient, name: str) -> None:
    profile: Profile | None = None
    with patient.check("the profile"):
        profile = read_profiles().profile(name)
        patient.note(f"{profile.provider.title}, {GRANTS[profile.grant].title}")
    if profile is None:
        return
    if profile.client_secret:
        with patient.check("the client secret"):
            profile.client_secret.read()
            patient.note(f"found in {profile.client_secret.place}")
    if GRANTS[profile.grant].redirects:
        with patient.check("the redirect URI"):
            patient.note(_redirect(profile))
    _examine_server(patient, profile)
    place = ""
    if token_variable(name) not in os.environ:
        with patient.check("the token store"):
            place = _store(profile)
            patient.note(place)
        if not place:  # the login would fail for the same reason
            return
    with patient.check("the login"):
        patient.note(_login(profile))


def _examine_server(patient: _Patient, profile: Profile) -> None:
    endpoints: Endpoints | None = None
    with patient.check("discovery" if profile.issuer or profile.row_issuer else "the endpoints"):
        endpoints = OAuthClient(profile).endpoints
        patient.note(endpoints.issuer or _undiscovered(profile))
    if endpoints is None:
        return
    dates: list[str] = []
    needed = GRANTS[profile.grant].endpoints
    for key in (*needed, *(["revoke_url"] if endpoints.revoke_url else [])):
        with patient.check(f"the {key.removesuffix('_url')} endpoint"):
            url = getattr(endpoints, key)
            if not url:
                raise ConfigError(
                    f"there is none, and the {profile.grant} grant needs it", hint=f"Give {key}."
                )
            patient.note(url)
            dates.append(_ask(profile, key, url))
    if dates and any(dates):
        with patient.check("this machine's clock"):
            patient.note(_clock(next(filter(None, dates))))


def _ask(profile: Profile, key: str, url: str) -> str:
    """Ask an endpoint as a login does, but for nothing. Return the Date of its answer.

    Many servers know all but the authorization endpoint by POST only, and answer a GET with 404.

    Raises:
        NetworkError: it is not there.
        InvalidAnswer: it redirects a POST, which a login does not follow.
    """
    from aventus_creds.oauth.transport import Transport

    if key == "authorize_url":
        try:
            answer = Transport(profile).get(url)
        except InvalidAnswer:  # it redirects, or shows a long page: it is there
            return ""
    else:
        answer = Transport(profile).post(_idle_form(profile, key, url))
    if answer.status in {404, 405} or answer.status >= 500:
        raise NetworkError(f"{url} answered with HTTP {answer.status}", hint=f"Check {key} or base_url.")
    return answer.date


def _idle_form(profile: Profile, key: str, url: str) -> ServerRequest:
    """Return a form that any server refuses, since it asks for nothing.

    It names the client, because GitHub answers 404 to those that it does not know. At the device endpoint the name
    alone would start a login, so there the form is empty.
    """
    from aventus_creds.oauth.request import ServerRequest

    client = {} if key == "device_url" else {"client_id": profile.client_id}
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    return ServerRequest(url, headers, urlencode(client).encode(), ())


def _all_elsewhere(file: ProfilesFile, names: list[str]) -> bool:
    """Whether no profile needs the state folder. The keyring does too, because its locks are files."""
    try:
        return not any(map(_needs_state_folder, map(file.profile, names)))
    except AventusCredsError:  # the check of that profile reports it
        return False


def _needs_state_folder(profile: Profile) -> bool:
    """Whether its tokens are lost without the folder. A client's own can always be had again."""
    name = store_name(profile)
    return STORES[name].here and (GRANTS[profile.grant].attended or name != DEFAULT_STORE)


def _state_folder() -> str:
    """Write into the state folder as a login does, and return its path."""
    from aventus_creds.basics.private_folder import PrivateFolder

    folder = PrivateFolder(state_folder() / "tokens")
    with folder.lock("doctor"):
        folder.write("doctor", b"")
        folder.remove("doctor")
    return str(folder.path)


def _store(profile: Profile) -> str:
    """Save a token in the profile's store as a login does, delete it, and return the name of the store."""
    name = store_name(profile)
    if name == DEFAULT_STORE:  # the state folder was checked before
        return STORES[name].title
    store, now = store_for(profile), time.time()
    token = Token("doctor", obtained_at=now, expires_at=now + 60)
    with store.lock("doctor"):
        try:
            store.save("doctor", token)
            if store.load("doctor") != token:
                raise StoreError(f"{name} does not give back what was put into it")
        finally:
            store.delete("doctor")
    return STORES[name].title if STORES[name].here else repr(store).strip("<>").replace("Store", "", 1)


def _redirect(profile: Profile) -> str:
    """Listen for a moment as a login does, and return where."""
    if only_pasted(profile):
        return f"{profile.redirect_uris[0]}: its address must be pasted after the login"
    listener = listen(profile)
    listener.close()
    where = f", forwarded to {profile.listen}" if profile.listen else ""
    if urlsplit(listener.redirect_uri) not in map(urlsplit, profile.redirect_uris):
        return (
            f"{listener.redirect_uri} is free, and each login takes any free port: the server must let the port of a"
            " registered address differ (RFC 8252 section 7.3); otherwise write the registered port in redirect_uri"
        )
    return f"{listener.redirect_uri} is free{where}; it must be registered at the server exactly so"


def _undiscovered(profile: Profile) -> str:
    if profile.row_issuer:
        return f"no document at {profile.row_issuer} serves, so the endpoints known of {profile.provider.title} do"
    return "given by the profile or its provider"


def _clock(date: str) -> str:
    """Compare this machine's clock with the Date header of the server (RFC 9110 section 6.6.1)."""
    try:
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return "the server's Date cannot be read"
    if abs(skew) > TOLERATED_SKEW:
        raise ConfigError(
            f"it is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's: tokens seem to live"
            f" {'shorter' if skew > 0 else 'longer'} than they do",
            hint="Set the clock, or have it set by NTP.",
        )
    return "agrees with the server's"


def _login(profile: Profile) -> str:
    if injected_source(profile.name):
        return f"the token in {token_variable(profile.name)} is used"
    token = store_for(profile).load(profile.key)
    if token is None:
        return (
            f"none yet: aventus-creds login {profile.name}"
            if GRANTS[profile.grant].attended
            else "not used yet"
        )
    renews = token.refresh_token is not None or not GRANTS[profile.grant].attended
    when = (
        f"expired at {utc(token.expires_at)}"
        if token.expired(time.time())
        else f"fresh {until(token.expires_at)}"
    )
    return f"{when}, {'renews itself' if renews else 'does not renew itself'}"
