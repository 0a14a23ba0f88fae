"""Checks one profile of profiles.toml: first each value on its own, then the values in combination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.places import expand
from aventus_creds.basics.urls import is_loopback, origin
from aventus_creds.profiles.callbacks import CALLBACKS, DEFAULT_CALLBACK
from aventus_creds.profiles.grants import DEFAULT_GRANT, DEFAULT_GRANT_WITH_SECRET, GRANTS, Grant
from aventus_creds.profiles.keys import KEYS
from aventus_creds.profiles.kinds import InvalidItems, any_of
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import DEFAULT_PROVIDER, PROVIDERS, Provider
from aventus_creds.profiles.secrets import SecretRef

BY_BASE_URL: Final = [row.name for row in PROVIDERS.values() if row.authorize_url]
ENDPOINTS: Final = ("authorize_url", "token_url", "revoke_url", "device_url")
NAME_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")

Mistake = tuple[tuple[str, ...], str]
"""The path of the key within the profile, or () for the profile as a whole; and what is wrong."""


def check_profile(
    name: str, table: Any, *, folder: Path | None = None
) -> tuple[dict[str, Any], list[Mistake]]:
    """Check one profile and apply the defaults.

    Args:
        name: the name of the profile.
        table: the profile as parsed from TOML. It may have any type; anything but a table is a mistake.
        folder: the folder that relative paths start from. None means the current folder.

    Returns:
        The fields for ``Profile`` and every mistake found. If there are mistakes, ignore the fields.
    """
    if not isinstance(table, dict):
        return {}, [((), f"must be a table: write [profiles.{fit_to_show(name)}]")]
    check = _Check(name, table)
    return check.profile(folder), check.mistakes


class _Check:
    """Reads the values of one profile and collects every mistake."""

    def __init__(self, name: str, table: Mapping[str, Any]) -> None:
        self.name = name
        self.mistakes: list[Mistake] = []
        self.values: dict[str, Any] = {}
        self.given = table
        if not is_name(name):
            self.mistakes.append(
                ((), "the name may hold letters, digits, '.', '_' and '-', at most 64 of them")
            )
        for key, value in table.items():
            if key not in KEYS:
                self.wrong(key, f"unknown key{did_you_mean(key, KEYS) or '; allowed: ' + ', '.join(KEYS)}")
                continue
            try:
                self.values[key] = KEYS[key].kind.check(value)
            except InvalidItems as several:
                self.mistakes += [((key, item), what) for item, what in several.mistakes]
            except ValueError as what:
                self.wrong(key, str(what))

    def wrong(self, key: str, what: str) -> None:
        self.mistakes.append(((key,), what))

    def require(self, key: str, why: str) -> None:
        if key not in self.given:
            self.wrong(key, f"missing; {why}")

    def profile(self, folder: Path | None) -> dict[str, Any]:
        """Apply the defaults and check combinations of keys. Return an empty dict if there are mistakes."""
        get = self.values.get
        provider = self._provider()
        secret: SecretRef | None = get("client_secret")
        grant = GRANTS[
            get("grant") or (DEFAULT_GRANT_WITH_SECRET if "client_secret" in self.given else DEFAULT_GRANT)
        ]
        self.require("client_id", "the identifier that the provider gave to this client")
        self._check_secret(grant)
        self._check_redirect(get("redirect_uri", ()))
        ca_bundle = self._ca_bundle(folder)
        if provider is None:
            return {}
        self._check_grant(provider, grant)
        endpoints = self._endpoints(provider, grant)
        self._check_extra_keys(provider)
        redirect_uris = get("redirect_uri") or (
            self._default_redirect_uris(provider) if grant.redirects else ()
        )
        authorize_params = dict(get("authorize_params", {}))
        if (extra := provider.extra_key) and extra.parameter:
            if extra.parameter in authorize_params:
                self.wrong("authorize_params", f"{extra.parameter} is made from {extra.name}: leave it out")
            authorize_params[extra.parameter] = extra.template.format(get(extra.name, ""))
        audience = get("audience", "")
        api_url = get("api_url") or (audience if _is_url(audience) else "")
        if self.mistakes:
            return {}
        if secret and folder:
            secret = secret.relative_to(folder)
        # Keys that need no computing are copied. If one is missing, the default of Profile's field applies.
        plain = {key: value for key, value in self.values.items() if key in Profile._fields}
        computed = dict(
            name=self.name,
            provider=provider,
            grant=grant.name,
            client_secret=secret,
            **endpoints,
            **self._discovery(provider),
            scope=get("scope", self._default_scope(provider, grant)),
            api_url=api_url,
            api_origins=tuple(
                dict.fromkeys((*([origin(urlsplit(api_url))] if api_url else []), *get("api_origins", ())))
            ),
            redirect_uris=redirect_uris,
            authorize_params=authorize_params,
            token_request=get("token_request", provider.token_request),
            client_auth=get("client_auth") or (None if get("issuer") else provider.client_auth),
            pkce=get("pkce", True) or grant.client_secret == "forbidden",
            ca_bundle=ca_bundle,
            store=None,
        )
        return plain | computed

    def _provider(self) -> Provider | None:
        if "provider" not in self.given:
            if not {"issuer", "authorize_url", "token_url"} & self.given.keys():
                self.wrong("provider", f"missing; one of {', '.join(PROVIDERS)}, or give the issuer")
                return None
            return PROVIDERS[DEFAULT_PROVIDER]
        return PROVIDERS[self.values["provider"]] if "provider" in self.values else None

    def _default_scope(self, provider: Provider, grant: Grant) -> str:
        # The provider's default scope is for logins by users. A plain OAuth 2.0 server, configured by its
        # endpoints only, may not know the scope openid.
        return provider.scope if grant.attended and (provider.authorize_url or "issuer" in self.given) else ""

    def _check_secret(self, grant: Grant) -> None:
        if "client_secret" in self.given and grant.client_secret == "forbidden":
            self.wrong(
                "grant",
                f"{grant.name} is for clients without a secret; remove client_secret, or write"
                f' grant = "{DEFAULT_GRANT_WITH_SECRET}"',
            )
        if grant.client_secret == "required":
            self.require("client_secret", f"the {grant.name} grant needs it")
        if self.values.get("pkce") is False and grant.client_secret == "forbidden":
            self.wrong(
                "pkce", "must not be false without a client_secret: PKCE is what protects such a login"
            )

    def _check_grant(self, provider: Provider, grant: Grant) -> None:
        if provider.grants and grant.name not in provider.grants:
            self.wrong(
                "grant",
                f"{provider.title} does not document {grant.name}, but {any_of(provider.grants, 'and')}",
            )

    def _endpoints(self, provider: Provider, grant: Grant) -> dict[str, str]:
        if provider.authorize_url:
            if not provider.base_url:
                self.require("base_url", f"the address of your {provider.title} server, https://…")
            if "issuer" in self.given:
                self.wrong("issuer", f"is for oidc; {provider.title} is found by base_url")
        else:
            if "base_url" in self.given:
                self.wrong(
                    "base_url",
                    f"is for {any_of(BY_BASE_URL, 'and')}; any other server is named by its issuer",
                )
            if "issuer" not in self.given:
                for key in grant.endpoints:
                    self.require(key, f"give the issuer, or {' and '.join(grant.endpoints)}")
        places = {"base_url": self._base_url(provider)}
        if provider.extra_key:
            places[provider.extra_key.name] = self.values.get(provider.extra_key.name, "")
        return {key: self.values.get(key) or getattr(provider, key).format_map(places) for key in ENDPOINTS}

    def _discovery(self, provider: Provider) -> dict[str, Any]:
        """Return where the row's document is, and the endpoints that it may replace: none of the profile's own."""
        own = {key for key in ENDPOINTS if self.values.get(key)}
        if not provider.issuer or {"authorize_url", "token_url"} <= own:
            return {}
        return {
            "row_issuer": provider.issuer.format(base_url=self._base_url(provider)),
            "row_endpoints": tuple(key for key in ENDPOINTS if key not in own),
        }

    def _base_url(self, provider: Provider) -> str:
        return str(self.values.get("base_url", provider.base_url)).rstrip("/")

    def _check_extra_keys(self, provider: Provider) -> None:
        for row in PROVIDERS.values():
            if not row.extra_key:
                continue
            if row is provider:
                self.require(row.extra_key.name, row.extra_key.doc)
            elif row is not provider and row.extra_key.name in self.given:
                self.wrong(row.extra_key.name, f'is for {row.title} only (provider = "{row.name}")')

    def _check_redirect(self, redirect_uris: tuple[str, ...]) -> None:
        way = CALLBACKS[self.values.get("callback", DEFAULT_CALLBACK)]
        must_listen = not way.pastes and "listen" not in self.given
        for uri in redirect_uris:
            if must_listen and not can_listen(uri):
                self.wrong(
                    "redirect_uri",
                    f"{uri} cannot be listened on: use http://127.0.0.1:PORT/PATH, set listen where it is"
                    ' forwarded to, or callback = "paste"',
                )
            if urlsplit(uri).port == 0 and "listen" in self.given:
                self.wrong(
                    "redirect_uri", "port 0 means any free port, and listen names a fixed one: leave one out"
                )
            elif urlsplit(uri).port == 0 and not can_listen(uri):
                self.wrong(
                    "redirect_uri", f"{uri}: port 0 means any free port of this machine, http://127.0.0.1:0/…"
                )

    def _default_redirect_uris(self, provider: Provider) -> tuple[str, ...]:
        if not provider.redirect_uri:
            self.require(
                "redirect_uri",
                f"the callback registered at {provider.title} for this client,"
                f" for example http://127.0.0.1:8765/callback/{provider.name}",
            )
            return ()
        if "listen" in self.given:
            self.require("redirect_uri", "listen is for a public address that is forwarded here")
        return (provider.redirect_uri,)

    def _ca_bundle(self, folder: Path | None) -> str:
        if "ca_bundle" not in self.values:
            return ""
        path = (folder or Path()) / expand(self.values["ca_bundle"])
        try:
            path.stat()
        except OSError as fault:
            self.wrong("ca_bundle", f"names {path}, which cannot be read: {fault.strerror or fault}")
        return str(path)


def can_listen(redirect_uri: str) -> bool:
    """Whether a plain HTTP listener on this machine can receive the redirect to ``redirect_uri``."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and is_loopback(parts.hostname)


def _is_url(text: str) -> bool:
    try:
        KEYS["api_url"].kind.check(text)
    except ValueError:
        return False
    return True


def is_name(name: str) -> bool:
    """Whether a profile may have this name. It needs no quotes in a shell, and is safe in a path."""
    return 0 < len(name) <= 64 and NAME_CHARACTERS.issuperset(name)


def fit_to_show(key: str) -> str:
    """Return ``key`` unchanged, or quoted if it contains characters that control a terminal.

    The one way to print what somebody has called a profile or a key.
    """
    return key if key.isprintable() else repr(key)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean '…'?`` with the known word closest to ``word``, or "" if none is close."""
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
