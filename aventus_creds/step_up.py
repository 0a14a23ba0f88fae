"""What helps a request if the API wants more than the login has: another token, or a login to offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aventus_creds.logins.step_up import step_up_required
from aventus_creds.notebook.here import cells_here
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.sources.chain import login_before, shared_source
from aventus_creds.sources.injected import injected_source
from aventus_creds.sources.source import differs

if TYPE_CHECKING:
    from aventus_creds.errors import LoginPending, StepUpRequired
    from aventus_creds.profiles.login_options import LoginOptions
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token


def step_up(
    profile: Profile, store: TokenStore, may_ask: Callable[[], bool], options: LoginOptions, token: Token
) -> Token | StepUpRequired | LoginPending | None:
    """Return what helps where the API wants more than the login of ``token`` has; None where no login does.

    That is the token of a login that somebody has made since, in a terminal for example, or what the request raises.

    Args:
        profile: whose login.
        store: where it is stored.
        may_ask: whether a person may be asked here.
        options: what the API wants.
        token: the token that it did not accept.
    """
    if not GRANTS[profile.grant].attended or injected_source(profile.name):
        return None
    cache = shared_source(profile, store)
    if not profile.swap_url and (newest := login_before(cache)) and differs(newest, token):
        return newest
    apart = (
        profile.scope_apart and options.scope
    )  # the caller has said which scope it is: no panel brings another
    if not apart and may_ask() and (cells := cells_here(profile)):
        return cells.offer_in_cell(profile, store, cache, options)
    return step_up_required(profile, options)
