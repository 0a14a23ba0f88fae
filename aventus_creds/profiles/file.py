"""Reads profiles.toml, with the files that it includes, and returns checked profiles from it."""

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aventus_creds.basics.owners import weakness
from aventus_creds.basics.places import expand, profiles_path
from aventus_creds.errors import ConfigError, Problem, ProfileError, ProfileNotFound, ProfilesFileError
from aventus_creds.profiles.checks import TOP_KEYS, Mistake, check_profile, fit_to_show
from aventus_creds.profiles.document import Document, parsed, read_text, several, warn_of_weakness
from aventus_creds.profiles.keys import keys_for
from aventus_creds.profiles.kinds import refers, refers_to_others
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.profiles.secrets import warn, warn_if_others_can_read
from aventus_creds.profiles.stores import DEFAULT_STORE

if TYPE_CHECKING:
    from aventus_creds.profiles.inherited import Inherited
    from aventus_creds.profiles.store_keys import StoreSettings


class ProfilesFile:
    """profiles.toml, parsed, with the files that it includes. If one profile has mistakes, the others still work.

    Args:
        path: the path of the file, for messages and for paths relative to its folder.
        text: the content of the file.
        status: the result of fstat, used to warn about permissions. None means no warnings.

    Raises:
        ProfilesFileError: ``text`` is not valid TOML.
    """

    def __init__(self, path: Path, text: str, status: os.stat_result | None = None) -> None:
        self.path = path
        self._own = Document(path, text, status)
        del text  # it may hold a client secret: see basics/hidden.py
        if self._own.fault:
            raise self._own.fault
        self._documents = [self._own]
        self._include_problems: list[Problem] = []
        if "include" in self._own.data:
            from aventus_creds.profiles.included import read_included  # most files include none

            included, self._include_problems = read_included(self._own)
            self._documents += included

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all profiles, in the order of the file, then those of included files."""
        return tuple(dict.fromkeys(name for document in self._documents for name in document.profiles))

    @property
    def usable(self) -> tuple[str, ...]:
        """The names of all profiles without those that are only there to be extended."""
        return tuple(name for name in self.names if not self.is_base(name))

    @property
    def default(self) -> str | None:
        """The profile used if no name is given, or None if the file sets no default."""
        default = self._own.data.get("default")
        return default if isinstance(default, str) else None

    def is_base(self, name: str) -> bool:
        """Whether other profiles extend this one, and it lacks keys that it would need to be used itself."""
        if not self.extended_by(name) or len(self._homes(name)) > 1:
            return False
        inherited = self.inherited(name)
        inherited.check()
        return inherited.incomplete

    def extends(self, name: str) -> str | None:
        """Return the profile that ``name`` extends, or None."""
        table = self._homes(name)[0].profiles[name]
        base = table.get("extends") if isinstance(table, dict) else None
        return base if isinstance(base, str) else None

    def extended_by(self, name: str) -> list[str]:
        """Return the profiles that extend ``name`` directly."""
        return self._extensions.get(name, [])

    @cached_property
    def _extensions(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.names:
            if base := self.extends(name):
                found.setdefault(base, []).append(name)
        return found

    def is_included(self, name: str) -> bool:
        """Whether the profile is in an included file."""
        return self._homes(name)[0].included

    def place(self, name: str) -> Path:
        """Return the file that the profile is in."""
        return self._homes(name)[0].path

    def problems(self) -> tuple[Problem, ...]:
        """Return every mistake outside the profiles: unknown keys, ``default``, ``include``, ``[store]`` …"""
        found = [
            problem for key, value in self._own.data.items() for problem in self._top_problems(key, value)
        ]
        for document in self._documents:
            if not isinstance(document.data.get("profiles", {}), dict):
                found.append(document.problem(("profiles",), "must be a table: write [profiles.NAME]"))
            if "defaults" in document.data:
                from aventus_creds.profiles.inherited import problems_of_defaults  # most files have none

                found += problems_of_defaults(document)
        return (*found, *self._include_problems)

    def _top_problems(self, key: str, value: Any) -> list[Problem]:
        """Return what is wrong with a key at the top of the file."""
        if key == "default" and value not in self.names:
            return [self._problem((key,), f"must be the name of a profile{self._names_text()}")]
        if key == "store":
            return self._store(None)[1]
        if key == "include_origins":
            from aventus_creds.profiles.included import allowed_origins  # most files include none

            return allowed_origins(self._own)[1]
        if key in TOP_KEYS:
            return []
        from aventus_creds.profiles.advice import unknown_key  # most keys are known

        return [self._problem((key,), unknown_key(key, TOP_KEYS, value))]

    def chosen(self, name: str | None = None) -> str:
        """Return the name of the profile to use. It may not exist in the file.

        Args:
            name: the name the caller asks for. None or "" means ``AVENTUS_CREDS_PROFILE``, then the default.

        Raises:
            ProfileNotFound: no profile is named anywhere.
        """
        name = name or os.environ.get("AVENTUS_CREDS_PROFILE") or self.default
        if name is None:
            raise ProfileNotFound(
                f"no profile is named, and {self.path.name} has no default{self._names_text()}",
                hint=f'Name one, set AVENTUS_CREDS_PROFILE, or write default = "NAME" at the top of {self.path}',
            )
        return name

    def profile(self, name: str | None = None) -> Profile:
        """Return the checked profile.

        Args:
            name: the name of the profile. None means the one that ``chosen`` picks.

        Raises:
            ProfileNotFound: there is no such profile, or no profile is named anywhere.
            ProfileError: the profile, what it extends or ``[store]`` has mistakes; the error holds all of them.
            ConfigError: the environment variable with this profile's token would apply to another profile
                too, because both names map to the same variable.
        """
        name = self.chosen(name)
        if not self._homes(name):
            from aventus_creds.profiles.advice import did_you_mean

            misplaced = (
                f"; [{fit_to_show(name)}] must be written [profiles.{fit_to_show(name)}]"
                if name not in TOP_KEYS and isinstance(self._own.data.get(name), dict)
                else did_you_mean(name, self.names)
            )
            raise ProfileNotFound(
                f"there is no profile {name!r}{misplaced}{self._names_text()}",
                hint=f"The file is {self.path}"
                + ("; its mistakes: aventus-creds profiles" if self.problems() else ""),
            )
        values, problems, inherited = self._checked(name)
        if refers_to_others(self._table(name, inherited)):
            problems = [*problems, *self._wrong_references(name, inherited)]
        store, store_problems = self._store(name, inherited)
        if problems or store_problems:
            raise ProfileError((*sorted(problems), *store_problems))
        others = inherited.included if inherited else []
        profile = Profile(
            **values | {"path": str(self.path), "store": store, "included": others[0].label if others else ""}
        )
        if profile.machine and (referred := profile.machine.profiles):
            keys = tuple(self.profile(other).key for other in referred)
            profile = profile._replace(machine=profile.machine._replace(others=keys))
        self._check_injected(name)
        for document in others:
            warn_of_weakness(document)
        return self._judged(profile, self._own.status) if self._own.status else profile

    def _judged(self, profile: Profile, status: os.stat_result) -> Profile:
        """Warn of what other users can do with the file. Where they can change it, its commands are not run."""
        if found := weakness(self.path, status):
            warn(*found)
            profile = profile._replace(
                client_secret=profile.client_secret and profile.client_secret.distrusted(found),
                refresh_token=profile.refresh_token and profile.refresh_token.distrusted(found),
                store=profile.store and profile.store.distrusted(found),
                machine=profile.machine and profile.machine.distrusted(found),
            )
        for secret in (profile.client_secret, profile.refresh_token):
            if secret and secret.kind == "text":
                warn_if_others_can_read(self.path, status, secret.name)
        if profile.store and (what := profile.store.literal_secret):
            warn_if_others_can_read(self.path, status, what)
        return profile

    def _checked(self, name: str) -> tuple[dict[str, Any], list[Problem], "Inherited | None"]:
        """Return the fields of a profile, its mistakes, and what it inherits, if anything is not in its own table."""
        if len(homes := self._homes(name)) > 1:
            return {}, [several(name, homes)], None
        if name in self._own.profiles and (alone := _checked_alone(self._own.text, name, str(self.path))):
            values, mistakes = alone
            return values, [self._problem(("profiles", name, *key), what) for key, what in mistakes], None
        inherited = self.inherited(name)
        values = inherited.check()
        return values, inherited.problems, inherited

    def _wrong_references(self, name: str, inherited: "Inherited | None") -> list[Problem]:
        """Return the mistakes in what a profile says of others."""
        from aventus_creds.profiles.machine_checks import check_references  # most profiles have none

        tables = {each: self._table(each, self._checked(each)[2]) for each in self.names}
        given = inherited.given if inherited else {}
        found = []
        for (key, *_), what in check_references(name, tables):
            home, path = (given[key].document, given[key].path) if key in given else (self._own, ())
            found.append(home.problem(path or ("profiles", name, key), what))
        return found

    def _table(self, name: str, inherited: "Inherited | None") -> Any:
        """Return a profile as it is written, with what it inherits."""
        if inherited:
            return {key: given.value for key, given in inherited.given.items()}
        return self._homes(name)[0].profiles[name]

    def inherited(self, name: str) -> "Inherited":
        """Return the keys of a profile, each with the place that it is written in. Nothing is checked yet."""
        from aventus_creds.profiles.inherited import Inherited  # most profiles inherit nothing

        return Inherited(name, self._documents)

    def _homes(self, name: str) -> list[Document]:
        """Return the files that have a profile of this name. More than one is a mistake."""
        return [document for document in self._documents if name in document.profiles]

    def _store(
        self, name: str | None, inherited: "Inherited | None" = None
    ) -> "tuple[StoreSettings | None, list[Problem]]":
        """Return the store that ``[store]`` or the profile ``name`` sets (None: the default), and the mistakes."""
        chosen, chooser = self._store_of(name, inherited) if name else (None, ())
        if "store" not in self._own.data and chosen in (None, DEFAULT_STORE):
            return None, []
        from aventus_creds.profiles.store_keys import check_store  # most files have no such table

        settings, mistakes = check_store(
            self._own.data.get("store", {}), chosen, folder=self.path.parent, chooser=chooser
        )
        return settings, [self._problem(path, what) for path, what in mistakes]

    def _store_of(self, name: str, inherited: "Inherited | None") -> tuple[Any, tuple[str, ...]]:
        """Return the ``store`` of a profile, which may have any type, and the path of that key in the file."""
        if inherited:
            given = inherited.given.get("store")
            return (given.value, given.path) if given and not given.document.included else (None, ())
        table = self._homes(name)[0].profiles[name]
        chosen = table.get("store") if isinstance(table, dict) else None
        return chosen, ("profiles", name, "store")

    def store_key(self, name: str) -> tuple[str, ...]:
        """Return the path of the key that decides the store of the profile ``name``, without mistakes."""
        chosen, path = self._store_of(name, self._checked(name)[2])
        return ("store", "type") if chosen is None else path

    def _check_injected(self, name: str) -> None:
        variable = token_variable(name)
        if variable in os.environ:
            others = [other for other in self.names if other != name and token_variable(other) == variable]
            if others:
                raise ConfigError(
                    f"{variable} is set, and it would serve {name} and {', '.join(others)} alike",
                    hint="Rename one of them: in the variable, all but letters and digits is an underscore.",
                )

    def _problem(self, path: tuple[str, ...], what: str) -> Problem:
        return self._own.problem(path, what)

    def _names_text(self) -> str:
        names = ", ".join(map(fit_to_show, self.names))
        return f" (the file has: {names})" if names else " (the file has no profiles)"


@lru_cache(maxsize=64)
def _checked_alone(text: str, name: str, path: str) -> tuple[dict[str, Any], list[Mistake]] | None:
    """Check a profile whose own table decides all, or return None. Nothing else may be cached."""
    data = parsed(text)
    table = data["profiles"][name]
    if "defaults" in data or (isinstance(table, dict) and _depends(table)):
        return None
    return check_profile(name, table, folder=Path(path).parent)


def _depends(table: dict[str, Any]) -> bool:
    """Whether a profile depends on more than its table: another one, the environment, or a file that may disappear."""
    known = keys_for(table)
    return bool({"extends", "ca_bundle", "client_certificate"} & table.keys()) or any(
        key in known and known[key].kind.holds == "text" and refers(value) for key, value in table.items()
    )


def read_profiles(path: Path | str | None = None) -> ProfilesFile:
    """Read and parse profiles.toml. The profiles in it are checked later, when you ask for one.

    Args:
        path: the path of the file. None means the path that ``profiles_path`` returns.

    Raises:
        ProfilesFileError: the file does not exist, cannot be read, is too large, or is not valid TOML.
    """
    path = expand(path).absolute() if path else profiles_path()
    try:
        text, status = read_text(path)
    except FileNotFoundError:
        raise ProfilesFileError(
            f"there is no profiles file: it belongs at {path}",
            hint="Make one: aventus-creds init",
        ) from None
    return ProfilesFile(path, text.reveal(), status)
