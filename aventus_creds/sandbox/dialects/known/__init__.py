"""Servers that many people know, each written from its documentation. They are reached at their own addresses.

A client gets there through a proxy that leads every host to the sandbox, so that scheme, host, path, parameters, bodies
and headers are the documented ones. The names of fields, codes and texts in answers are those of the documentation.
"""

from typing import Final

from aventus_creds.sandbox.dialects.known import business, data, identity, social, work

KNOWN: Final = (*identity.ROWS, *work.ROWS, *business.ROWS, *social.ROWS, *data.ROWS)
