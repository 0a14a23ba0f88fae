"""The token of a profile without a login, a server or the command line: what most scripts want most of the time."""

from __future__ import annotations

import os
import sys
import time
import warnings

from aventus_creds.errors import AventusCredsWarning
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import token_variable
from aventus_creds.profiles.stores import DEFAULT_STORE
from aventus_creds.session.presenting import Presentation
from aventus_creds.stores.opening import default_store, store_name


def fresh_token(name: str | None = None) -> str | None:
    """Return the token from the file store if it is fresh and there is no warning, or else None."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", AventusCredsWarning)
        try:
            profile = read_profiles().profile(name)
            if token_variable(profile.name) in os.environ or store_name(profile) != DEFAULT_STORE:
                return None
            if profile.swap_url or profile.dpop:  # what is stored is not all that the API wants
                return None
            token = default_store().load(profile.key)
        except Exception:  # noqa: BLE001 - the command gets the same error and reports it
            return None
        except KeyboardInterrupt:
            sys.exit(130)
    return Presentation(bearer=profile.bearer).token(token) if token and token.fresh(time.time()) else None
