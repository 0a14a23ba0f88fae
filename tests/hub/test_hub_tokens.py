"""The hub's own login serves notebooks: the documented recipe, on a real hub with oauthenticator and oidc-provider."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hub.hub import Hub
from hub.places import why_no_other_users
from oidc_provider.provider import OidcProvider
from support import REPOSITORY, free_port

if TYPE_CHECKING:
    from jupyter_apps import OpenNotebook
    from playwright.sync_api import Page

pytestmark = [pytest.mark.heavy, pytest.mark.hub, pytest.mark.timeout(300)]

RECIPE = re.findall(
    r"^```python\n(.*?)^```",
    (REPOSITORY / "aventus_creds/docs/jupyterhub.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)[-1]
CLIENT = """
c.JupyterHub.authenticator_class = "generic-oauth"
oauth = c.GenericOAuthenticator
oauth.client_id, oauth.client_secret, oauth.basic_auth = "the-hub", "the-hubs-secret", True
oauth.oauth_callback_url = "{url}/hub/oauth_callback"
oauth.authorize_url, oauth.token_url, oauth.userdata_url = "ISSUER/auth", "ISSUER/token", "ISSUER/me"
oauth.username_claim, oauth.allow_all = "sub", True
oauth.extra_authorize_params = {"prompt": "consent"}
"""
FOR_THE_TEST = """
c.Authenticator.auth_refresh_age = 1
server = next(role for role in c.JupyterHub.load_roles if role["name"] == "server")["scopes"]
c.Spawner.server_token_scopes = lambda spawner: server if spawner.user.name == "ada" else server[:-1]
"""
PROFILE = """
[profiles.prod]
grant = "given"
token = { jupyterhub = "access_token" }
api_url = "ISSUER"
"""
GET = """
from aventus_creds import get_session, get_token
session = get_session("prod")
print(session.get("/me").json()["sub"])
"""
UNTIL_ANOTHER = """
import time
first, deadline = get_token("prod").access_token, time.monotonic() + 60
while get_token("prod").access_token == first and time.monotonic() < deadline:
    session.get("/me")
print(get_token("prod").access_token != first, session.get("/me").json()["sub"])
"""
OF_ANOTHER = """
import os, urllib.request
headers = {"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}
urllib.request.urlopen(urllib.request.Request(os.environ["JUPYTERHUB_API_URL"] + "/users/ada", headers=headers))
"""


class HubOfProvider(Hub):
    """A hub whose users log in at oidc-provider."""

    login_page = "/hub/oauth_login"

    def fill_in_login(self, page: Page, name: str) -> None:
        page.locator("input[name=login]").fill(name)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="Allow access").wait_for()
        page.get_by_role("button", name="Continue").click()


@pytest.fixture(scope="module")
def issuing_hub(proxy: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, str]]:
    """A hub with the recipe, and the issuer of its tokens, which live for some seconds."""
    port = free_port()
    client = {
        "client_id": "the-hub",
        "client_secret": "the-hubs-secret",
        "redirect_uris": [f"https://127.0.0.1:{port}/hub/oauth_callback"],
        "grant_types": ["authorization_code", "refresh_token"],
    }
    folder = tmp_path_factory.mktemp("oidc-provider-of-a-hub")
    with OidcProvider(folder, access_token_ttl=8, clients=[client]) as provider:
        more = "\n".join([CLIENT.replace("ISSUER", provider.issuer), RECIPE, FOR_THE_TEST])
        with HubOfProvider(
            ["ada", "grace"],
            proxy,
            port=port,
            own_uids=why_no_other_users() is None,
            more=more,
            environment={"JUPYTERHUB_CRYPT_KEY": os.urandom(32).hex()},
        ) as hub:
            yield hub, provider.issuer


def opened(hub: Hub, chromium: Any, name: str, issuer: str, *cells: str) -> OpenNotebook:
    """Log in to the hub as ``name``, and open a notebook of ``cells``."""
    user = hub.users[name]
    user.write_profiles(PROFILE.replace("ISSUER", issuer))
    page = hub.log_in(chromium.new_context(ignore_https_errors=True), name)
    user.start()  # after the login: the scopes, and what the hub keeps, are those of now
    user.write("tokens.ipynb", *cells)
    return user.open(page, "tokens.ipynb")


def test_the_recipe(issuing_hub: tuple[Hub, str], chromium: Any, tmp_path: Path) -> None:
    """Nobody logs in again: the session has the hub's token, and the next one when that has expired."""
    hub, issuer = issuing_hub
    notebook = opened(hub, chromium, "ada", issuer, GET, UNTIL_ANOTHER)
    notebook.run(0)
    assert notebook.text(0) == "ada"
    notebook.start(1)
    notebook.join(1, 60)
    assert notebook.text(1) == "True ada"
    notebook.page.screenshot(path=tmp_path / "token.png")
    notebook.page.context.close()


def test_without_the_scope(issuing_hub: tuple[Hub, str], chromium: Any) -> None:
    """The error names the scope and who adds it. A server that has it gets nothing of another user."""
    hub, issuer = issuing_hub
    notebook = opened(hub, chromium, "grace", issuer, GET, OF_ANOTHER)
    notebook.run(0)
    assert "lacks the scope admin:auth_state!user" in notebook.text(0)
    notebook.run(1)
    assert "HTTP Error 404" in notebook.text(1)
    notebook.page.context.close()
