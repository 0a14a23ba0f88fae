"""Compares issuers: a server's own name (OpenID Connect Core section 3.1.3.7, RFC 9207). No I/O.

A server of many tenants may publish one document for all of them. The issuer in it is then a template: Entra writes
``https://login.microsoftonline.com/{tenantid}/v2.0``, and each tenant names itself in redirects and ID tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

TENANT: Final = "{tenantid}"
_SEGMENT: Final = r"[A-Za-z0-9._~-]+"


def is_template(issuer: str) -> bool:
    """Whether ``issuer`` has the tenant as one whole part of its path. Elsewhere it would name another server."""
    return bool(
        re.fullmatch(rf"https?://[^/?#{{}}]+/(?:[^?#{{}}]*/)?{re.escape(TENANT)}(?:/[^?#{{}}]*)?", issuer)
    )


def speaks_for(expected: str, found: object) -> bool:
    """Whether ``found`` is the issuer ``expected``, or one of the tenants that it is the template of."""
    if not isinstance(found, str):
        return False
    if not is_template(expected):
        return found == expected
    before, _, after = expected.partition(TENANT)
    tenant = found.removeprefix(before).removesuffix(after)
    return (
        bool(re.fullmatch(_SEGMENT, tenant))
        and tenant.strip(".") != ""
        and found == f"{before}{tenant}{after}"
    )


def of_tenant(template: str, claims: Mapping[str, Any]) -> bool:
    """Whether an ID token's issuer is the ``template`` with the token's own tenant (``tid``) in it."""
    tenant = claims.get("tid")
    return isinstance(tenant, str) and claims.get("iss") == template.replace(TENANT, tenant)
