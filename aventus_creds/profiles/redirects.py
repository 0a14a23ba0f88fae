"""Checks the redirect URIs of a profile: whether the redirect can come back as the profile says."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from aventus_creds.basics.urls import is_loopback
from aventus_creds.profiles.callbacks import EXTENSION_ADDRESS, EXTENSION_PATH, Callback, by_extension
from aventus_creds.profiles.kinds import any_of
from aventus_creds.profiles.providers import Provider


def redirect_mistakes(
    redirect_uris: tuple[str, ...], way: Callback, provider: Provider | None, *, listen: bool
) -> Iterator[str]:
    """Yield what is wrong with the redirect URIs of a profile.

    Args:
        redirect_uris: those that it names, each right by itself.
        way: its callback.
        provider: the row whose rule they must keep, if it is known.
        listen: whether the profile names the address that they are forwarded to.
    """
    yield from _of_extension(redirect_uris, way)
    for uri in redirect_uris:
        if uri == EXTENSION_ADDRESS:
            continue
        if not listen and (what := _not_heard(uri, way)):
            yield what
        if urlsplit(uri).port == 0 and listen:
            yield "port 0 means any free port, and listen names a fixed one: leave one out"
        elif urlsplit(uri).port == 0 and not can_listen(uri):
            yield f"{uri}: port 0 means any free port of this machine, http://127.0.0.1:0/…"
        elif provider and (what := _against_rule(uri, provider)):
            yield what


def can_listen(redirect_uri: str) -> bool:
    """Whether a plain HTTP listener on this machine can receive the redirect to ``redirect_uri``."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and is_loopback(parts.hostname)


def _not_heard(uri: str, way: Callback) -> str:
    if "://" not in uri and (way.listens or not way.pastes):
        return (
            f"{uri} is a name and no address: set listen to where its redirects are forwarded to, or"
            ' callback = "paste"; an address begins with https:// or http://127.0.0.1:'
        )
    if not way.pastes and not can_listen(uri):
        return (
            f"{uri} cannot be listened on: use http://127.0.0.1:PORT/PATH, set listen where it is forwarded to, or"
            ' callback = "paste"'
        )
    return ""


def _of_extension(redirect_uris: tuple[str, ...], way: Callback) -> Iterator[str]:
    if EXTENSION_ADDRESS in redirect_uris and not way.extension:
        yield f'"{EXTENSION_ADDRESS}" is the address of a Jupyter server, which callback = "{way.name}" does not use'
    only_extension = way.extension and not (way.listens or way.only_notebooks)
    if only_extension and redirect_uris and not any(map(by_extension, redirect_uris)):
        yield f'callback = "{way.name}" needs an address that ends in {EXTENSION_PATH}, or "{EXTENSION_ADDRESS}"'


def _against_rule(redirect_uri: str, provider: Provider) -> str:
    """Return how an address of this machine breaks the provider's rule for redirects, or "" if it does not."""
    rule, parts = provider.redirect_rule, urlsplit(redirect_uri)
    if rule is None or not is_loopback(parts.hostname):
        return ""
    host = parts.hostname or ""
    if (f"[{host}]" if ":" in host else host) not in rule.hosts:
        return f"{redirect_uri}: {provider.title} takes this machine only as {any_of(rule.hosts)}"
    if parts.port == 0 and not rule.any_port:
        return f"{redirect_uri}: {provider.title} compares the port too, so write the registered one"
    return ""
