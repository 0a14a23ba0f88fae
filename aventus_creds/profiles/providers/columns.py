"""What some columns of the table of providers hold. Apart, since a class costs more to make than a row."""

from __future__ import annotations

from aventus_creds.structs import Struct


class RedirectRule(Struct):
    """Which redirects to this machine a server lets a client register.

    Attributes:
        hosts: how this machine may be named. ``()``: not at all, only an https address.
        any_port: whether the port may differ from the registered one (RFC 8252 section 7.3).
    """

    hosts: tuple[str, ...]
    any_port: bool = False
