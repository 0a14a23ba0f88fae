"""Asks for a profile at the terminal, key by key. What to ask comes from the provider's row and the table of keys.

No answer is a secret: only its place is asked for. Nothing is written before the whole profile was shown.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, Final

import click

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import profiles_path
from aventus_creds.basics.terminal import say_wrapped
from aventus_creds.cli.profile import value_of
from aventus_creds.cli.prompts import ask_line, ask_yes, refuse
from aventus_creds.cli.providers import grants, redirect, redirect_to_register
from aventus_creds.cli.secret_places import SECRET_PLACES, fill_keyring
from aventus_creds.cli.voice import complain
from aventus_creds.cli.written import append, appended, as_toml, content, refuse_taken
from aventus_creds.errors import ConfigError, Problem, ProfileError, SecretError
from aventus_creds.profiles.advice import did_you_mean
from aventus_creds.profiles.checks import NAME_RULE, fit_to_show, is_name
from aventus_creds.profiles.doubts import doubts
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import DEFAULT_PROVIDER, PROVIDERS, Provider

_FIRST_NAME: Final = "prod"


def ask_and_add(name: str | None, start: bytes = b"") -> Profile | None:
    """Ask for a profile and append it to profiles.toml.

    Args:
        name: its name. None: ask for it, too.
        start: what the file begins with if there is none yet.

    Returns:
        The profile, or None if it was shown and is not to be written.

    Raises:
        ConfigError: profiles.toml cannot be read, or has a profile of this name.
        click.Abort: there were no more answers. Nothing is written.
    """
    path = profiles_path()
    before = Hidden(content(path) or start)
    if name is not None:
        refuse_taken(path, name)
        if not is_name(name):
            raise ConfigError(f"{fit_to_show(name)}: {NAME_RULE}")
    try:
        guide = _Guide(path, before, name or _ask_name(path))
        guide.ask()
        profile = guide.show()
        if not ask_yes(f"Write it to {path}?"):
            _say("Nothing was written.")
            return None
    except (KeyboardInterrupt, click.Abort):
        _say("\nNothing was written.")
        raise
    append(guide.name, guide.keys, start)
    _say(f"Added {guide.name} to {path}")
    return profile


def offer_login(profile: Profile) -> None:
    """Have the secret put into its place, and offer to log in. Say which command does it later."""
    later = f"aventus-creds {'login' if GRANTS[profile.grant].attended else 'token'} {profile.name}"
    if profile.client_secret:
        fill_keyring(profile.client_secret)
        try:
            profile.client_secret.read()
        except SecretError as error:
            _say(f"Still to do: {error}\nThen run: {later}")
            return
    if not GRANTS[profile.grant].attended or not ask_yes("Log in now?"):
        _say(f"Run: {later}")
        return
    from aventus_creds.cli.logins import login  # loads much, and is only needed here

    click.get_current_context().invoke(
        login, name=profile.name, no_browser=False, device=False, refresh_token=False
    )


def _ask_name(path: Path) -> str:
    while True:
        name = ask_line("Name of the profile", _FIRST_NAME)
        if not is_name(name):
            refuse(NAME_RULE)
            continue
        try:
            refuse_taken(path, name)
        except ConfigError as error:
            refuse(error.message)
        else:
            return name


class _Guide:
    """The answers so far: ``keys`` is the table of the profile ``name``."""

    def __init__(self, path: Path, before: Hidden[bytes], name: str) -> None:
        self._path = path
        self._before = before
        self.name = name
        self.keys: dict[str, Any] = {}
        self._mistakes()  # a file that is not TOML is told before anything is asked

    def ask(self) -> None:
        """Ask for each key that the provider's row wants, in order."""
        row = self._ask_provider()
        if row.generic:
            self._ask("issuer")
        for key, default in row.placeholders.items():
            self._ask(key, default, implied=True)
        grant = GRANTS[self._ask_grant(row)]
        if grant.redirects:
            _say(f"  {row.title} takes as this machine: {redirect(row)}" if redirect(row) else "")
            self._ask("redirect_uri", redirect_to_register(row), implied=bool(row.redirect_uri))
        self._say_where_to_register(row)
        self._ask("client_id")
        if grant.client_secret != "forbidden":
            self._ask_secret(row, required=grant.client_secret == "required")
        places = {**row.placeholders, **self.keys}
        self._ask(
            "scope", row.scope.format_map(places) if grant.attended else "", required=False, implied=True
        )
        if not row.api_url:
            self._ask("audience", row.audience, required=False, implied=True)
            if "://" not in self.keys.get("audience", ""):
                self._ask("api_url", required=False)

    def show(self) -> Profile:
        """Show the profile as it would be written. Ask again for what does not fit together."""
        while asked := [key for problem in self._mistakes() if (key := self._key(problem)) in self.keys]:
            self._ask(asked[0])
        profile = appended(self._path, self._before, self.name, self.keys)  # tells what nothing here can mend
        click.echo(textwrap.indent(f"\n{as_toml(self.name, self.keys).decode()}", "  "), err=True)
        for doubt in doubts(profile):
            complain("warning", doubt)
        return profile

    def _ask_provider(self) -> Provider:
        _say(
            "Providers: "
            + textwrap.fill(", ".join(PROVIDERS), 78, subsequent_indent="  ", initial_indent=" " * 11).strip()
            + f"\n  Any other server: {DEFAULT_PROVIDER}, found by its issuer"
        )
        while (name := ask_line("provider", DEFAULT_PROVIDER)) not in PROVIDERS:
            refuse(f"no provider {name!r} is known{did_you_mean(name, PROVIDERS)}")
        self.keys["provider"] = name
        return PROVIDERS[name]

    def _ask_grant(self, row: Provider) -> str:
        offered = [name for name in grants(row) if not (GRANTS[name].needs or GRANTS[name].needs_one)]
        if len(offered) > 1:
            for name in offered:
                _say(f"  {name}: {GRANTS[name].words}")
            self._ask("grant", offered[0], among=offered)
        else:
            self.keys["grant"] = offered[0]
        return str(self.keys["grant"])

    def _say_where_to_register(self, row: Provider) -> None:
        if row.register_at:
            where = row.register_at.format_map({**row.placeholders, **self.keys})
            uri = self.keys.get("redirect_uri") or (row.redirect_uri if "redirect_uri" in self.keys else "")
            _say(
                f"Register a client: {where}"
                + (f"\n  with the redirect URI {uri}, exactly so" if uri else "")
            )

    def _ask_secret(self, row: Provider, *, required: bool) -> None:
        """Ask where the client's secret is, never for the secret. No refusal repeats an answer: it may be one."""
        names = list(SECRET_PLACES)
        if not required:
            names.append("none")
        _say(
            "Where is the client's secret? It is not written to profiles.toml, and never asked for on the screen."
        )
        for place in SECRET_PLACES.values():
            _say(f"  {place.name}: {place.doc}")
        while (chosen := ask_line("client_secret", names[-1] if not required else names[0])) not in names:
            refuse(f"must be one of {', '.join(names)}: the place of the secret, not the secret itself")
        if chosen == "none":
            return
        place = SECRET_PLACES[chosen]
        suggested = place.suggest(row.name, self.name)
        while True:
            answer = ask_line(f"  {place.asks}", suggested)
            if re.fullmatch(place.pattern, answer):
                value = place.table(answer, self.keys["client_id"])
                if not (wrong := self._wrong("client_secret", value)):
                    self.keys["client_secret"] = value
                    return
                refuse(wrong[0])
            else:
                refuse(place.wrong)

    def _ask(
        self,
        key: str,
        default: str = "",
        *,
        required: bool = True,
        implied: bool = False,
        among: list[str] | None = None,
    ) -> None:
        """Ask for the value of ``key`` until it fits.

        Args:
            key: a key of a profile.
            default: what Enter alone means.
            required: whether there must be an answer.
            implied: whether the default applies without being written.
            among: the answers that are allowed here.
        """
        doc = all_keys()[key].doc.partition(";")[0]
        _say(f"{doc[:1].upper()}{doc[1:]}")
        while True:
            answer = ask_line(key if required else f"{key} (Enter: none)" if not default else key, default)
            if not answer and required:
                refuse("must not be empty")
            elif among and answer not in among:
                refuse(f"must be one of {', '.join(among)}{did_you_mean(answer, among)}")
            elif not answer or (implied and answer == default):
                self.keys.pop(key, None)
                return
            elif wrong := self._wrong(key, value := value_of(key, answer)):
                refuse("; ".join(wrong))
            else:
                self.keys[key] = value
                return

    def _wrong(self, key: str, value: Any) -> list[str]:
        """Return what is wrong with the value of ``key``, alone and beside the answers so far."""
        return [problem.what for problem in self._mistakes({key: value}) if self._key(problem) == key]

    def _mistakes(self, more: dict[str, Any] | None = None) -> tuple[Problem, ...]:
        try:
            appended(self._path, self._before, self.name, {**self.keys, **(more or {})})
        except ProfileError as error:
            return error.problems
        return ()

    def _key(self, problem: Problem) -> str:
        prefix = f"profiles.{self.name}."
        return problem.key.removeprefix(prefix).partition(".")[0] if problem.key.startswith(prefix) else ""


def _say(text: str) -> None:
    if text:
        say_wrapped(text)
