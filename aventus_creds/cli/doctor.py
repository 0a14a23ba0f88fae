"""The command doctor: checks in order what a login needs, and suggests a fix for each problem."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from aventus_creds.basics.places import profiles_path, state_folder
from aventus_creds.basics.terminal import columns, wrapped
from aventus_creds.callbacks.announcement import find_server
from aventus_creds.callbacks.hub import leads_elsewhere
from aventus_creds.callbacks.opening import (
    listen,
    only_pasted,
    pasted_uri,
    through_jupyter,
    why_not_forwarded,
)
from aventus_creds.cli.arguments import optional_name
from aventus_creds.cli.asking import ask, clock
from aventus_creds.cli.commands import no_profiles
from aventus_creds.cli.failures import exit_code
from aventus_creds.cli.mixups import mixups
from aventus_creds.cli.voice import heading, mark
from aventus_creds.errors import (
    AventusCredsError,
    CallbackError,
    ConfigError,
    StoreError,
)
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.doubts import doubts
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.profiles.stores import DEFAULT_STORE, STORES
from aventus_creds.sources.injected import injected_source
from aventus_creds.sources.places import read_token
from aventus_creds.stores.opening import store_for, store_name
from aventus_creds.structs import Struct
from aventus_creds.tokens import Token, until, utc

if TYPE_CHECKING:
    from aventus_creds.oauth.request import Endpoints

_EXACTLY: Final = "it must be registered at the server exactly so"


@click.command(epilog="Example: aventus-creds doctor prod")
@optional_name
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def doctor(ctx: click.Context, name: str | None, as_json: bool) -> None:  # noqa: FBT001 - as click does
    """Check everything that a login to NAME (or to every profile) needs, and suggest a fix for each problem."""
    patient = _Patient(prints=not as_json)
    names: list[str] = []
    with patient.check("the profiles file"):
        file = read_profiles()
        if problems := file.problems():
            raise ConfigError("\n".join(map(str, problems)))
        names = [file.chosen(name)] if name else list(file.usable)
        patient.note(str(profiles_path()))
    if not (names and _all_elsewhere(file, names)):
        with patient.check("the state folder"):
            patient.note(_state_folder())
    for each in names:
        patient.begin(each)
        _examine(patient, each)
    if not names and not patient.code:
        patient.echo(f"\n{no_profiles(file)}")
    patient.profile = None
    for warning in mixups(file, names, fetch=True) if names else ():
        patient.echo("")
        patient.warn("shared redirect URIs", warning)
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in patient.findings], indent=2))
    ctx.exit(patient.code)


class Finding(Struct):
    """The result of one check. ``doctor --json`` prints these fields."""

    profile: str | None  # None: it concerns all of them
    check: str
    result: str  # fine, warning or wrong
    text: str


class _Patient:
    """Prints the result of each check, and keeps the exit code of the first one that failed."""

    def __init__(self, *, prints: bool) -> None:
        self.code = 0
        self.profile: str | None = None
        self.findings: list[Finding] = []
        self._prints = prints
        self._note = ""

    def echo(self, text: str) -> None:
        """Print ``text``, unless the findings are printed at the end."""
        if self._prints:
            click.echo(text)

    def begin(self, profile: str) -> None:
        """Go on to the checks of a profile."""
        self.profile = profile
        self.echo("\n" + heading(fit_to_show(profile), sys.stdout))

    def warn(self, check: str, text: str) -> None:
        """Tell what may be wrong."""
        self.findings.append(Finding(self.profile, check, "warning", text))
        self.tell("!", text)

    def tell(self, sign: str, text: str) -> None:
        """Print what was found, with its mark; what does not fit into the line goes on below it."""
        indent = "    "
        self.echo(f"  {mark(sign, sys.stdout)} {wrapped(text, columns(sys.stdout), indent)}")

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
            self.findings.append(Finding(self.profile, title, "wrong", str(error)))
            self.tell("✗", f"{title}: {error}")
        else:
            self.findings.append(Finding(self.profile, title, "fine", self._note))
            self.tell("✓", f"{title}{': ' if self._note else ''}{self._note}")


def _examine(patient: _Patient, name: str) -> None:
    profile: Profile | None = None
    with patient.check("the profile"):
        profile = read_profiles().profile(name)
        patient.note(f"{profile.system}, {GRANTS[profile.grant].words}")
    if profile is None:
        return
    for doubt in doubts(profile):
        patient.warn("the profile", doubt)
    for secret in filter(None, (profile.client_secret, profile.refresh_token)):
        with patient.check(f"the {secret.name}"):
            secret.read()
            patient.note(f"found in {secret.place}")
    for reference in profile.machine.references if profile.machine else ():
        with patient.check(f"the {reference.name}"):
            if profile.machine and reference in profile.machine.keys:
                reference.read()
            else:
                read_token(reference, profile)
            patient.note(f"found in {reference.place}")
    if not GRANTS[profile.grant].stored:  # there is neither a server to ask nor a token to keep
        return
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
        client = OAuthClient(profile)
        endpoints = client.endpoints
        patient.note(endpoints.issuer or _undiscovered(profile))
    if endpoints is None:
        return
    dates: list[str] = []
    needed = (*GRANTS[profile.grant].endpoints, *(["par_url"] if client.pushes else []))
    if profile.dpop:
        with patient.check("the key of a login"):
            patient.note(f"signs with {getattr(client.new_proof_key(), 'algorithm', '')}")
    for key in (*needed, *(["revoke_url"] if endpoints.revoke_url else [])):
        with patient.check(f"the {key.removesuffix('_url')} endpoint"):
            url = getattr(endpoints, key)
            if not url:
                raise ConfigError(
                    f"there is none, and the {profile.grant} grant needs it", hint=f"Give {key}."
                )
            patient.note(url)
            dates.append(ask(profile, key, url))
    if dates and any(dates):
        with patient.check("this machine's clock"):
            patient.note(clock(next(filter(None, dates))))


def _all_elsewhere(file: ProfilesFile, names: list[str]) -> bool:
    """Whether no profile needs the state folder. The keyring does too, because its locks are files."""
    try:
        return not any(map(_needs_state_folder, map(file.profile, names)))
    except AventusCredsError:  # the check of that profile reports it
        return False


def _needs_state_folder(profile: Profile) -> bool:
    """Whether its tokens are lost without the folder. A client's own can always be had again."""
    if not GRANTS[profile.grant].stored:
        return False
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
                raise StoreError(f"{name} does not return what was stored in it")
        finally:
            store.delete("doctor")
    row = STORES[name]
    return row.title if row.here or not row.lasts else repr(store).strip("<>").replace("Store", "", 1)


def _redirect(profile: Profile) -> str:
    """Listen for a moment as a login does, and return where, or which other way a login would take."""
    jupyter = through_jupyter(profile)
    if jupyter.server:
        return (
            f"{jupyter.redirect_uri} comes back through the Jupyter server that this runs under;"
            f" {_EXACTLY}{leads_elsewhere(jupyter.redirect_uri)}"
        )
    if only_pasted(profile):
        why = f", because {jupyter.why_not}" if jupyter.why_not else ""
        return f"{pasted_uri(profile)}: its address must be pasted after the login{why}{_better_address()}"
    try:
        listener = listen(profile)
    except CallbackError as fault:
        if not jupyter.why_not:
            raise
        raise CallbackError(
            f"{jupyter.why_not}; {fault.message}", hint="The address must be pasted after the login."
        ) from None
    listener.close()
    where = f", forwarded to {profile.listen}" if profile.listen else ""
    rule = profile.provider.redirect_rule
    if urlsplit(listener.redirect_uri) not in map(urlsplit, profile.redirect_uris):
        known = f"{profile.provider.title} lets the port of a registered address differ"
        return f"{listener.redirect_uri} is free, and each login takes any free port: " + (
            known
            if rule and rule.any_port
            else "the server must let the port of a registered address differ; otherwise write"
            " the registered port in redirect_uri"
        )
    shared = why_not_forwarded(profile)
    more = f". {shared}{_better_address()}" if shared else ""
    return f"{listener.redirect_uri} is free{where}; {_EXACTLY}{more}"


def _better_address() -> str:
    """Return which address to register at the server, for redirects to come back through this Jupyter server."""
    server, _ = find_server()
    if server is None or not server.redirect_uri:
        return ""
    return (
        f". It would come back by itself through this Jupyter server: register {server.redirect_uri} at the server, and"
        " add it to redirect_uri"
    )


def _undiscovered(profile: Profile) -> str:
    if profile.row_issuer:
        known = f"the known endpoints of {profile.provider.title} are used"
        return f"there is no usable document at {profile.row_issuer}, so {known}"
    return "given by the profile or its provider"


def _login(profile: Profile) -> str:
    if injected_source(profile.name):
        return f"the token in {token_variable(profile.name)} is used"
    if not STORES[store_name(profile)].lasts:
        return "each program logs in for itself"
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
    return f"{when}, {'refreshes automatically' if renews else 'does not refresh automatically'}"
