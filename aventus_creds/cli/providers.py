"""The command providers: the table of known servers, and what a profile for one of them needs."""

from __future__ import annotations

from typing import Any, Final

import click

from aventus_creds.profiles.advice import did_you_mean
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.keys import PLACEHOLDERS
from aventus_creds.profiles.kinds import SERVER_URL, any_of
from aventus_creds.profiles.providers import PROVIDERS, Provider

_PUBLIC: Final = [grant.name for grant in GRANTS.values() if grant.client_secret != "required"]
_PORT: Final = 8765


@click.command(epilog="Example: aventus-creds providers github")
@click.argument("name", required=False)
def providers(name: str | None) -> None:
    """List the servers that are known by name, or show what a profile for NAME needs."""
    if name is None:
        from aventus_creds.cli.tables import Table, show

        table = Table("provider", "system", "needs", "grants", "redirect")
        for row in PROVIDERS.values():
            table.add_row(row.name, row.title, needs(row), ", ".join(grants(row)), redirect(row))
        show(table)
    elif name in PROVIDERS:
        click.echo(described(PROVIDERS[name]))
    else:
        raise click.UsageError(
            f"no provider {name!r} is known{did_you_mean(name, PROVIDERS)}; any other server: provider oidc"
        )


def described(row: Provider) -> str:
    """Return what a profile for ``row`` needs: a profile to paste, where to register the client, and how."""
    facts = {
        "register a client": row.register_at,
        "redirect": redirect(row),
        "grants": any_of(grants(row), "and"),
        "scope": row.scope,
        "API": row.api_url,
        "logout": f"revokes at {row.revoke_url}" if row.revoke_url else "",
        "note": row.note,
    }
    placeholders = [
        f"{key:20} {PLACEHOLDERS[key].doc}" + (f" ({default})" if default else "")
        for key, default in row.placeholders.items()
    ]
    pages = [f"{'from' if not at else '':20} {url} ({read})" for at, (url, read) in enumerate(row.pages)]
    known = [f"{what:20} {fact}" for what, fact in facts.items() if fact]
    return "\n".join([row.title, "", sample(row), *placeholders, *known, *pages])


def sample(row: Provider, profile: str = "") -> str:
    """Return a profile for ``row`` as a person writes it, in TOML.

    Args:
        row: the provider.
        profile: the name of the profile. Empty: the provider's name.
    """
    lines = [f"{key} = {_toml(value)}" for key, value in sample_keys(row).items()]
    return "\n".join([f"[profiles.{profile or row.name}]", *lines, ""])


def _toml(value: str | dict[str, str]) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return f"{{ {', '.join(f'{key} = {_toml(text)}' for key, text in value.items())} }}"


def sample_keys(row: Provider) -> dict[str, Any]:
    """Return the keys of a profile for ``row``: those that it must have, with values to be replaced."""
    offered = grants(row)
    redirecting = any(GRANTS[grant].redirects for grant in offered)
    public = offered[0] in _PUBLIC
    return {
        "provider": row.name,
        **({"issuer": "https://YOUR-SERVER"} if row.generic else {}),
        **{
            key: "https://YOUR-SERVER"
            if PLACEHOLDERS[key].kind is SERVER_URL
            else f"YOUR-{key.upper().replace('_', '-')}"
            for key, default in row.placeholders.items()
            if not default
        },
        "client_id": "YOUR-CLIENT-ID",
        **({} if public else {"client_secret": {"env": f"{row.name.upper()}_CLIENT_SECRET"}}),
        **({} if redirecting else {"grant": offered[0]}),
        **({"redirect_uri": redirect_to_register(row)} if redirecting and not row.redirect_uri else {}),
    }


def redirect_to_register(row: Provider) -> str:
    """Return the redirect URI of a new client at ``row``: its default, or one for this machine by its rule."""
    rule = row.redirect_rule
    host = rule.hosts[0] if rule and rule.hosts else "127.0.0.1"
    return row.redirect_uri or f"http://{host}:{_PORT}/callback"


def grants(row: Provider) -> tuple[str, ...]:
    """Return the names of the grants that ``row`` offers."""
    return row.grants or tuple(grant.name for grant in GRANTS.values() if not getattr(grant, "needs", ()))


def needs(row: Provider) -> str:
    """Return the keys that fill the templates of ``row``, as text."""
    return ", ".join(f"{key} ({default})" if default else key for key, default in row.placeholders.items())


def redirect(row: Provider) -> str:
    """Return the rule of ``row`` for redirects to this machine, as text."""
    rule = row.redirect_rule
    if rule is None:
        return ""
    return f"{any_of(rule.hosts)}, {'any port' if rule.any_port else 'the registered port'}"
