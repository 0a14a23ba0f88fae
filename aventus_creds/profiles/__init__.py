"""What a person writes: profiles.toml, and one checked Profile of it."""

from aventus_creds.profiles.file import read_profiles

__all__ = ["read_profiles"]
