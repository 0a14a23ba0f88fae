"""The differences between the sandbox's authorization servers, in tables. A new dialect is a new row."""

from typing import Final

from aventus_creds.sandbox.dialects.dialect import (
    ACCOUNT_CREDENTIALS,
    CHANGE_ORG,
    CLIENT_CREDENTIALS,
    CODE,
    DEVICE,
    EXCHANGE,
    JWT_BEARER,
    REFRESH,
    ClientRow,
    Dialect,
)
from aventus_creds.sandbox.dialects.ours import ROWS

DIALECTS: Final = ROWS

__all__ = [
    "ACCOUNT_CREDENTIALS",
    "CHANGE_ORG",
    "CLIENT_CREDENTIALS",
    "CODE",
    "DEVICE",
    "DIALECTS",
    "EXCHANGE",
    "JWT_BEARER",
    "REFRESH",
    "ClientRow",
    "Dialect",
]
