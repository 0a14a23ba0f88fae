"""Reads profiles.toml and returns checked profiles from it."""

import os
import stat
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aventus_creds.basics.files import LARGEST_FILE, open_file, read_at_most
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.owners import weakness
from aventus_creds.basics.places import expand, profiles_path
from aventus_creds.errors import ConfigError, Problem, ProfileError, ProfileNotFound, ProfilesFileError
from aventus_creds.profiles.checks import Mistake, check_profile, did_you_mean, fit_to_show
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.profiles.secrets import warn, warn_if_others_can_read
from aventus_creds.profiles.stores import DEFAULT_STORE

if TYPE_CHECKING:
    from aventus_creds.profiles.store_keys import StoreSettings


_TOP_KEYS: Final = ("default", "store", "profiles")


class ProfilesFile:
    """profiles.toml, parsed. If one profile has mistakes, the others still work.

    Args:
        path: the path of the file, for messages and for paths relative to its folder.
        text: the content of the file.
        status: the result of fstat, used to warn about permissions. None means no warnings.

    Raises:
        ProfilesFileError: ``text`` is not valid TOML.
    """

    def __init__(self, path: Path, text: str, status: os.stat_result | None = None) -> None:
        self.path = path
        self._text = text
        self._status = status
        self._data: dict[str, Any] = {}
        del text  # it may hold a client secret: see basics/hidden.py
        if problem := self._load():
            raise problem
        profiles = self._data.get("profiles", {})
        self._profiles: dict[str, Any] = profiles if isinstance(profiles, dict) else {}

    def _load(self) -> ProfilesFileError | None:
        try:
            self._data = _parsed(self._text)
        except (ValueError, RecursionError) as fault:  # a huge number or deep nesting is no TOMLDecodeError
            last = self._text.split("\n")
            end = f"at line {len(last)}, column {len(last[-1]) + 1}, the end of the file"
            return ProfilesFileError(
                f"{self.path.name}: this is not valid TOML: {str(fault).replace('at end of document', end)}",
                hint=f"The file is {self.path}",
            )
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all profiles, in the order of the file."""
        return tuple(self._profiles)

    @property
    def default(self) -> str | None:
        """The profile used if no name is given, or None if the file sets no default."""
        default = self._data.get("default")
        return default if isinstance(default, str) else None

    def problems(self) -> tuple[Problem, ...]:
        """Return every mistake outside the profiles: unknown keys, ``default`` and ``[store]``."""
        found = []
        for key, value in self._data.items():
            if key == "default":
                if value not in self.names:
                    found.append(self._problem((key,), f"must be the name of a profile{self._names_text()}"))
            elif key == "store":
                found += self._store()[1]
            elif key != "profiles":
                meant = did_you_mean(key, _TOP_KEYS)
                if isinstance(value, dict) and not meant:
                    meant = f"; did you mean [profiles.{fit_to_show(key)}]?"
                found.append(
                    self._problem((key,), f"unknown key{meant or '; allowed: ' + ', '.join(_TOP_KEYS)}")
                )
        if not isinstance(self._data.get("profiles", {}), dict):
            found.append(self._problem(("profiles",), "must be a table: write [profiles.NAME]"))
        return tuple(found)

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
                hint=f'Name one, set AVENTUS_CREDS_PROFILE, or write default = "NAME" atop {self.path}',
            )
        return name

    def profile(self, name: str | None = None) -> Profile:
        """Return the checked profile.

        Args:
            name: the name of the profile. None means the one that ``chosen`` picks.

        Raises:
            ProfileNotFound: there is no such profile, or no profile is named anywhere.
            ProfileError: the profile or ``[store]`` has mistakes; the error holds all of them.
            ConfigError: the environment variable with this profile's token would apply to another profile
                too, because both names map to the same variable.
        """
        name = self.chosen(name)
        if name not in self._profiles:
            misplaced = (
                f"; [{fit_to_show(name)}] must be written [profiles.{fit_to_show(name)}]"
                if name != "profiles" and isinstance(self._data.get(name), dict)
                else did_you_mean(name, self.names)
            )
            raise ProfileNotFound(
                f"there is no profile {name!r}{misplaced}{self._names_text()}",
                hint=f"The file is {self.path}"
                + ("; its mistakes: aventus-creds profiles" if self.problems() else ""),
            )
        values, mistakes = self._checked(name)
        problems = [self._problem(("profiles", name, *key), what) for key, what in mistakes]
        store, store_problems = self._store(name)
        if problems or store_problems:
            raise ProfileError((*sorted(problems), *store_problems))
        profile = Profile(**(values | {"path": str(self.path), "store": store}))
        self._check_injected(name)
        return self._judged(profile, self._status) if self._status else profile

    def _judged(self, profile: Profile, status: os.stat_result) -> Profile:
        """Warn of what other users can do with the file. Where they can change it, its commands are not run."""
        if found := weakness(self.path, status):
            warn(*found)
            profile = profile._replace(
                client_secret=profile.client_secret and profile.client_secret.distrusted(found),
                store=profile.store and profile.store.distrusted(found),
            )
        if profile.client_secret and profile.client_secret.kind == "text":
            warn_if_others_can_read(self.path, status)
        if profile.store and (what := profile.store.literal_secret):
            warn_if_others_can_read(self.path, status, what)
        return profile

    def _checked(self, name: str) -> tuple[dict[str, Any], list[Mistake]]:
        table = self._profiles[name]
        if isinstance(table, dict) and "ca_bundle" in table:  # not cached: that file may appear or disappear
            return check_profile(name, table, folder=self.path.parent)
        return _checked(self._text, name, str(self.path))

    def _store(self, name: str | None = None) -> "tuple[StoreSettings | None, list[Problem]]":
        """Return the store that ``[store]`` or the profile ``name`` sets (None: the default), and the mistakes."""
        profile = self._profiles.get(name or "")
        chosen = profile.get("store") if isinstance(profile, dict) else None
        if "store" not in self._data and chosen in (None, DEFAULT_STORE):
            return None, []
        from aventus_creds.profiles.store_keys import check_store  # most files have no such table

        chooser = ("profiles", name or "", "store")
        settings, mistakes = check_store(
            self._data.get("store", {}), chosen, folder=self.path.parent, chooser=chooser
        )
        return settings, [self._problem(path, what) for path, what in mistakes]

    def chooses_store(self, name: str) -> bool:
        """Whether the profile ``name`` sets its own ``store``."""
        return "store" in self._profiles[name]

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
        from aventus_creds.profiles.lines import line_of

        key = ".".join(map(fit_to_show, path))
        return Problem(self.path.name, line_of(self._text, path), key, what)

    def _names_text(self) -> str:
        names = ", ".join(map(fit_to_show, self.names))
        return f" (the file has: {names})" if names else " (the file has no profiles)"


@lru_cache(maxsize=8)
def _parsed(text: str) -> dict[str, Any]:
    """Parse ``text`` and cache the result, which callers must not change. Raises what tomllib raises."""
    return tomllib.loads(text)


@lru_cache(maxsize=64)
def _checked(text: str, name: str, path: str) -> tuple[dict[str, Any], list[Mistake]]:
    return check_profile(name, _parsed(text)["profiles"][name], folder=Path(path).parent)


def read_profiles(path: Path | str | None = None) -> ProfilesFile:
    """Read and parse profiles.toml. The profiles in it are checked later, when you ask for one.

    Args:
        path: the path of the file. None means the path that ``profiles_path`` returns.

    Raises:
        ProfilesFileError: the file does not exist, cannot be read, is too large, or is not valid TOML.
    """
    path = expand(path).absolute() if path else profiles_path()
    try:
        content, status = _read(path)
    except FileNotFoundError:
        raise ProfilesFileError(
            f"there is no profiles file: it belongs at {path}",
            hint="Make one: aventus-creds init",
        ) from None
    except OSError as fault:
        raise ProfilesFileError(f"{path} cannot be read: {fault.strerror or fault}") from None
    try:
        return ProfilesFile(path, content.reveal().decode("utf-8").removeprefix("\ufeff"), status)
    except UnicodeDecodeError as fault:
        wrong = fault.start
    # Raised outside the except clause, because a UnicodeDecodeError holds the content of the file.
    raise ProfilesFileError(f"{path} is not UTF-8 text (byte {wrong})")


def _read(path: Path) -> tuple[Hidden[bytes], os.stat_result]:
    descriptor = open_file(path)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ProfilesFileError(f"{path} is no regular file")
        content = Hidden(read_at_most(descriptor, LARGEST_FILE + 1))
    finally:
        os.close(descriptor)
    if len(content.reveal()) > LARGEST_FILE:
        raise ProfilesFileError(f"{path} is larger than {LARGEST_FILE} bytes")
    return content, status
