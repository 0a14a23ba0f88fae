"""No pickle holds a secret, whatever makes it; and no attribute that tools evaluate without running code."""

from __future__ import annotations

import base64
import copyreg
import json
import pickle
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import dill
import jsonpickle
import pytest
from oauth_values import endpoints
from pure_eval import my_getattr_static
from pure_eval.utils import CannotEval
from support import make_profile, make_token

import aventus_creds
from aventus_creds.basics.hidden import Hidden
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.device_answer import DeviceAuthorization
from aventus_creds.oauth.request import refresh_request
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.profiles.store_keys import StoreSettings
from aventus_creds.session.bearer import BearerAuth
from aventus_creds.session.session import ApiSession
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.chain import token_source
from aventus_creds.sources.injected import InjectedSource
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.stores.redis.sealing import Seal, new_key

getattr_static: Any = my_getattr_static.getattr_static

SECRET = "the-secret-of-all-this-x"  # as it comes out of base64url


def _profile() -> Any:
    return make_profile(client_secret=SECRET, api_url="https://api.example.com")


def _store() -> MemoryStore:
    store = MemoryStore()
    store.save(_profile().key, make_token(SECRET))
    return store


def _source() -> Any:
    source = token_source(_profile(), _store(), may_ask=lambda: False, log_in=lambda *_: make_token())
    source.token()
    return source


HOLDERS: dict[str, Callable[[], Any]] = {
    "Hidden": lambda: Hidden(SECRET),
    "Token": lambda: make_token(SECRET, refresh_token=SECRET),
    "SecretRef": lambda: SecretRef("text", SECRET),
    "command": lambda: SecretRef("command", ("print", SECRET)),
    "Profile": _profile,
    "StoreSettings": lambda: StoreSettings("redis", SecretRef("text", SECRET)),
    "MemoryStore": _store,
    "Seal": lambda: Seal([new_key()]),
    "InjectedSource": lambda: InjectedSource(make_token(SECRET), "X"),
    "CachedSource": lambda: CachedSource("key", _store(), InjectedSource(make_token(SECRET), "X")),
    "token_source": _source,
    "BearerAuth": lambda: BearerAuth(_source(), ["https://api.example.com"]),
    "ApiSession": lambda: ApiSession(_profile(), _source()),
    "ServerRequest": lambda: refresh_request(_profile(), endpoints(_profile()), SECRET, SECRET),
    "Answer": lambda: Answer(200, "application/json", SECRET.encode()),
    "Authorization": lambda: Authorization(
        _profile(),
        endpoints(_profile()),
        "http://127.0.0.1/",
        random=lambda _: base64.urlsafe_b64decode(SECRET),
    ),
    "DeviceAuthorization": lambda: DeviceAuthorization(
        device_code=SECRET,
        user_code="shown",
        verification_uri="https://as.example.com",
        verification_uri_complete="",
        expires_in=1,
        interval=1,
    ),
}


def _plainly(thing: Any) -> str:
    return str(jsonpickle.encode(thing, unpicklable=False, keys=True))


PICKLERS: dict[str, Callable[[Any], Any]] = {
    **{f"pickle {number}": partial(pickle.dumps, protocol=number) for number in range(6)},
    "dill": lambda thing: dill.dumps(thing, recurse=True),
    "cloudpickle": cloudpickle.dumps,
    "jsonpickle": lambda thing: jsonpickle.encode(thing, keys=True),
    "jsonpickle, one way": _plainly,
    "copyreg": lambda thing: copyreg._reduce_ex(thing, 1),  # type: ignore[attr-defined]
    "object": lambda thing: object.__reduce_ex__(thing, 2),
    "__reduce__": lambda thing: thing.__reduce__(),
    "__getstate__": lambda thing: thing.__getstate__(),
    "JSON": lambda thing: json.dumps(thing, default=vars),
}


@pytest.mark.parametrize("pickler", PICKLERS)
@pytest.mark.parametrize("holder", HOLDERS)
def test_no_pickle_holds_a_secret(holder: str, pickler: str) -> None:
    """What holds a secret refuses: by itself, in a list, and as the part of something else."""
    for thing in (HOLDERS[holder](), [HOLDERS[holder]()]):
        if isinstance(thing, list | tuple) and pickler in {"copyreg", "object", "__reduce__", "__getstate__"}:
            continue  # these take the outermost thing apart, and no more
        if "jsonpickle" in pickler:  # it writes null for what refuses
            assert SECRET not in PICKLERS[pickler](thing)
            continue
        with pytest.raises(TypeError, match=r"is not pickled|cannot pickle|not JSON serializable|__dict__"):
            PICKLERS[pickler](thing)


@pytest.mark.parametrize("holder", HOLDERS)
def test_no_attribute_that_a_verbose_traceback_evaluates(holder: str) -> None:
    """IPython and all that stands on stack_data evaluate ``token.refresh_token`` of the line that failed."""
    thing = HOLDERS[holder]()
    for name in dir(thing):
        if name in SLOTS or f"{holder}.{name}" in {"Authorization.url", "Hidden._value"}:
            continue
        try:
            value = getattr_static(thing, name)
        except CannotEval:
            continue
        assert SECRET not in f"{value!r}", name


SLOTS = {
    *("_access_token", "_refresh_token", "_hidden_value"),
    *("_body", "_headers", "_secrets", "_device_code"),
    *("_the_nonce", "_the_state", "_the_verifier"),
}
"""What is behind the properties. An Authorization's url is shown to the person, and dies with the login."""


def test_nothing_names_the_slots_but_constructors() -> None:
    """A statement with ``self._access_token`` would be evaluated."""
    for path in Path(aventus_creds.__file__).parent.rglob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            for slot in SLOTS:
                assert not re.search(rf"\.{slot}\b(?! = )", line), f"{path}: {line}"


def test_the_tools_do_evaluate_plain_attributes() -> None:
    """The control: a slot is read without running code."""

    class Plain:
        __slots__ = ("secret",)

    plain = Plain()
    plain.secret = SECRET  # type: ignore[attr-defined]
    assert getattr_static(plain, "secret") == SECRET
