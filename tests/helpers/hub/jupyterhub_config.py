"""The configuration of the hub that hub.py starts. It reads what varies from the file HUB_SETTINGS."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from jupyterhub.auth import DummyAuthenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets.config import get_config

settings = json.loads(Path(os.environ["HUB_SETTINGS"]).read_text("utf-8"))
homes: dict[str, str] = settings["homes"]
environment: dict[str, str] = settings["environment"]
uids: dict[str, int] = settings["uids"]


def _end_with_the_tests() -> None:
    """The pipe at standard input closes with the tests, even if they are killed."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


class Spawner(SimpleLocalProcessSpawner):
    """Starts each server in a home of its own, and with a uid of its own where there are several."""

    def make_preexec_fn(self, name: str) -> Any:
        home, uid = homes[name], uids.get(name)

        def become() -> None:
            os.chdir(home)
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)

        return become

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        return env | environment | {"HOME": homes[self.user.name], "USER": self.user.name}


c = get_config()  # type: ignore[no-untyped-call,unused-ignore]
c.JupyterHub.bind_url = settings["bind_url"]
c.JupyterHub.hub_port = settings["hub_port"]
c.JupyterHub.ssl_key = settings["ssl_key"]
c.JupyterHub.ssl_cert = settings["ssl_cert"]
c.JupyterHub.cookie_secret_file = "cookie_secret"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.log_level = "DEBUG"
c.JupyterHub.spawner_class = Spawner
c.JupyterHub.services = [{"name": "kit", "api_token": settings["token"]}]
c.JupyterHub.authenticator_class = DummyAuthenticator
c.Authenticator.allowed_users = set(homes)
c.ConfigurableHTTPProxy.command = [*settings["proxy"], "--log-level", "debug"]
c.ConfigurableHTTPProxy.api_url = settings["proxy_api_url"]
c.Spawner.cmd = settings["server"]
c.Spawner.args = settings["arguments"]
c.Spawner.notebook_dir = "~/work"
c.Spawner.debug = True
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}  # one server starts beside the other
c.Spawner.interrupt_timeout = 1  # a server without a terminal wants SIGTERM,
c.Spawner.term_timeout = 30  # and then ends its kernels
c.Spawner.http_timeout = c.Spawner.start_timeout = 60
exec(settings["more"])  # what a test adds, such as another authenticator
c.JupyterHub.load_roles = [
    *c.JupyterHub.get("load_roles", []),
    {"name": "kit", "services": ["kit"], "scopes": ["admin:users", "admin:servers", "access:servers"]},
]

threading.Thread(target=_end_with_the_tests, daemon=True).start()
