"""The error where an API wants more than the login has: what is missing, and the command that asks for it."""

from __future__ import annotations

from aventus_creds.errors import StepUpRequired
from aventus_creds.profiles.login_options import LoginOptions
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.renewing import OWN_LOGIN, login_command
from aventus_creds.stores.opening import lasts


def step_up_required(profile: Profile, options: LoginOptions) -> StepUpRequired:
    """Return the error that a request raises.

    Args:
        profile: whose login has not enough.
        options: what the API wants beside.
    """
    if profile.scope_apart and options.scope:  # the caller has said which scope it is
        wider = " ".join(dict.fromkeys([*profile.scope.split(), *options.scope.split()]))
        hint = f'Ask for it: get_session("{profile.name}", scope="{wider}")'
    else:
        hint = f"Run: {login_command(profile, options)}" if lasts(profile) else OWN_LOGIN.format(profile.name)
    return StepUpRequired(f"the API of profile {profile.name} wants more: {options.told}", hint=hint)
