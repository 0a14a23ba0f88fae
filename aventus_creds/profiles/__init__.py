"""profiles.toml, which the user writes, and the checked Profiles read from it."""

from aventus_creds.profiles.file import read_profiles

__all__ = ["read_profiles"]
