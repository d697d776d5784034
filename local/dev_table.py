"""The table of `./dev run`: one of this machine that is gone with the run, or the one that the environment names."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Mapping

from local.family import HOST, Family, free_port
from local.table_server import NAME

ENDPOINTS = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL")


class DevTable:
    """Which table a run uses, decided from its environment; started, waited for, and told to the gateway.

    With `--aws` and with an endpoint of one's own it is the one that TABLE_NAME names, or none. Otherwise it is here; over
    the emulator even where TABLE_NAME is set, for whoever runs that wants nothing of a real account. `admin_key`: the
    environment's, or a new one, or empty where there is no table, or the environment has only a hash.
    """

    def __init__(self, env: Mapping[str, str], *, aws: bool, emulated: bool) -> None:
        self.name = env.get("TABLE_NAME", "").strip()
        elsewhere = aws or any(env.get(name) for name in ENDPOINTS)
        self.here = not elsewhere and (emulated or not self.name)
        if self.here:
            self.name = self.name or NAME
        self.admin_key = env.get("ADMIN_KEY", "").strip() if self.name else ""
        if self.name and not self.admin_key and not env.get("ADMIN_KEY_HASH"):
            self.admin_key = f"sk-admin-local-{secrets.token_urlsafe(24)}"
        self._env = env
        self._url = ""
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, family: Family) -> None:
        """Beside whatever else starts: it takes longer than the gateway, which asks it nothing before its first request."""
        if self.here:
            port = free_port(0)
            arguments = ("--port", str(port), "--table", self.name)
            self._url = f"http://{HOST}:{port}"
            self._child = family.start("table", "local.table_server", *arguments, env=self._env, piped=True)

    def wait(self, family: Family) -> None:
        """Until it can be used. Raises Failed."""
        if self._child is not None:
            family.address("table", self._child)

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The gateway's, with the table in it."""
        env = dict(env)
        if self.admin_key:
            env["ADMIN_KEY"] = self.admin_key
        if self.here:
            env.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
            env |= {"TABLE_NAME": self.name, "AWS_ENDPOINT_URL_DYNAMODB": self._url}
        return env
