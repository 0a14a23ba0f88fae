"""The places of a client's secret that the guide offers, as one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from aventus_creds.basics.hidden import Hidden
from aventus_creds.cli.prompts import ask_yes
from aventus_creds.cli.voice import complain
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.structs import Struct


class SecretPlace(Struct):
    """A place, and how to ask for it.

    Attributes:
        name: as in profiles.toml.
        doc: what it is, for the person.
        asks: what is asked for.
        pattern: what the answer must match as a whole.
        wrong: what to say if it does not. It does not repeat the answer, which may be the secret.
        suggest: takes the names of provider and profile. Returns the default.
        table: takes the answer and the client_id. Returns the value of client_secret.
    """

    name: str
    doc: str
    asks: str
    pattern: str
    wrong: str
    suggest: Callable[[str, str], str]
    table: Callable[[str, str], dict[str, Any]]


SECRET_PLACES: Final = {
    row.name: row
    for row in (
        SecretPlace(
            "env",
            "an environment variable",
            "name of the variable",
            r"[A-Za-z_][A-Za-z0-9_]{0,99}",
            "must be the name of a variable: letters, digits and _",
            lambda provider, _: f"{provider.upper()}_CLIENT_SECRET",
            lambda answer, _: {"env": answer},
        ),
        SecretPlace(
            "file",
            "a file that only you can read",
            "path of the file",
            r"(?=.*[/\\.]).+",
            "must be a path, such as ~/secrets/client_secret or ./client_secret",
            lambda _, profile: f"~/.config/{profile}.secret",
            lambda answer, _: {"file": answer},
        ),
        SecretPlace(
            "keyring",
            "the system's keyring",
            "name of the service in the keyring",
            r".+",
            "must be a name",
            lambda _, profile: f"aventus-creds {profile}",
            lambda answer, client_id: {"keyring": answer, "username": client_id},
        ),
    )
}


def fill_keyring(reference: SecretRef) -> None:
    """Offer to put a secret into the keyring, if it belongs there and that library is installed."""
    if reference.kind != "keyring":
        return
    try:
        import keyring
    except ImportError:
        return
    if not ask_yes(f"Put the secret into {reference.place} now? What you type is not shown"):
        return
    secret = Hidden(str(click.prompt("Client secret", hide_input=True, err=True)).strip())
    try:
        keyring.set_password(reference.named, reference.username, secret.reveal())
    except Exception as fault:  # noqa: BLE001 - errors of D-Bus, Windows and macOS come through the library
        failed = type(fault).__name__
    else:
        return
    complain("warning", f"the keyring did not take the secret ({failed})")
