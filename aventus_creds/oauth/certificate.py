"""The client's certificate for TLS (RFC 8705). OpenSSL reads certificate and key from files, and from nothing else."""

from __future__ import annotations

import warnings

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import InsecureFileWarning, SecretError
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.secrets import SecretRef


def certificate_files(profile: Profile) -> tuple[str, str] | None:
    """Return the files with the profile's certificate and its private key, or None if it has none.

    They are looked into each time: a file that is swapped counts at once, and OpenSSL would ask the terminal for the
    passphrase of an encrypted key.

    Raises:
        SecretError: one of them cannot be read, or the key is missing or encrypted.
    """
    machine = profile.machine
    if machine is None or not machine.client_certificate:
        return None
    whole = SecretRef("file", machine.client_certificate).of_lines("client certificate")
    for reference in (whole, machine.client_key):
        if reference is None or reference.kind != "file":
            continue
        if _has_key(reference):
            return machine.client_certificate, reference.named
    raise SecretError(
        f"the private key of the certificate {machine.client_certificate} is missing",
        hint='Put it into the same file, or write client_key = { file = "…" }.',
    )


def _has_key(reference: SecretRef) -> bool:
    """Whether the file has a private key. Its permissions are judged only then: a certificate alone is public."""
    with warnings.catch_warnings(action="ignore", category=InsecureFileWarning):
        text = Hidden(reference.read())
    if "PRIVATE KEY" not in text.reveal():
        return False
    reference.read()
    if "ENCRYPTED" in text.reveal():
        raise SecretError(
            f"the private key in {reference.place} is encrypted, and nobody here can type its passphrase",
            hint="Store it without a passphrase, in a file that only you can read.",
        )
    return True
