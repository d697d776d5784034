"""The admin routes over a table in memory, with the real directory, ledgers and keys; asked in this process."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic_core import from_json, to_json

from app.api.keys.route import operations
from app.core.access import Access
from app.core.money import Cost
from app.core.ports import Caller, Keys, ModelEntry, Models
from app.stores.directory.store import TableDirectory
from app.stores.ledger import Ledgers
from app.stores.recorder import Recorder
from app.stores.rollups import Rollups
from app.stores.table.memory import MemoryTable
from app.stores.table_keys import AdminKeys, TableKeys
from app.web.admin import AdminDoor
from app.web.asgi import ASGIApp
from app.web.context import Context, Net
from app.web.router import Router
from tests.usage_records import record

ADMIN, ORDINARY = "sk-admin-of-the-settings", "sk-ordinary"
NOW = 1_795_273_200.0  # 2026-11-21T15:00:00Z, a Saturday


class Known:
    """Implements Keys: one key, whose caller is `id`."""

    def __init__(self, key: str, id: str) -> None:
        self._key, self._id = key, id

    async def authenticate(self, presented: str) -> Caller | None:
        return Caller(self._id) if presented == self._key else None


class Listed:
    """Implements Models: these base models."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    async def entries(self, access: Access) -> Sequence[ModelEntry]:
        return [ModelEntry(id, id, "foundation", "acme") for id in self._ids]

    async def entry(self, name: str, access: Access) -> ModelEntry | None:
        raise NotImplementedError


class Gateway:
    """The parts, where a test has to reach one. `now` may be moved."""

    def __init__(
        self, models: Models | None = None, table: MemoryTable | None = None, admins: Keys | None = None
    ) -> None:
        self.now = NOW
        self.table = table or MemoryTable(self.clock)
        self.directory = TableDirectory(self.table, clock=self.clock)
        self.ledgers = Ledgers(self.table, Rollups(self.table, self.clock), clock=self.clock)
        self.keys = TableKeys(Known(ORDINARY, "default"), self.table, clock=self.clock)
        self.admins = admins or AdminKeys(Known(ADMIN, "admin"), self.table, clock=self.clock)
        door = AdminDoor(self.admins, self.keys, write=self.directory.write_audit, clock=self.clock)
        routes = operations(self.directory, self.ledgers, door, models, clock=self.clock)
        router = Router((each.method, f"/v1{each.path}", each.endpoint) for each in routes)
        self.app: ASGIApp = Context(Net(router, 1_000_000))

    def clock(self) -> float:
        return self.now

    async def spend(self, key: str, nanos: int) -> None:
        """A request of a key of the default project that no ledger has counted."""
        recorder = Recorder(self.table, clock=self.clock)
        recorder.record(record(key=key, project="proj_default", cost=Cost(nanos), ended=self.now))
        assert await recorder.flush(5)


class Admin:
    """Asks as an admin. A body of any answer; `status`: what the answer has to be."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, status: int = 200) -> Any:
        return self._read(await self.http.get(path), status)

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        content = b"" if body is None else to_json(body)
        return self._read(await self.http.post(path, content=content), status)

    async def delete(self, path: str, status: int = 200) -> Any:
        return self._read(await self.http.delete(path), status)

    async def refused(self, path: str, body: Any) -> tuple[str | None, str | None]:
        """`code` and `param` of the 400 that the body is answered with."""
        error = (await self.post(path, body, 400))["error"]
        return error["code"], error["param"]

    async def key(self, **fields: Any) -> Any:
        """A new key of the default project."""
        path = "/organization/projects/proj_default/service_accounts"
        return (await self.post(path, {"name": "ci"} | fields))["api_key"]

    def _read(self, reply: httpx.Response, status: int) -> Any:
        assert reply.status_code == status, reply.text
        assert reply.headers["cache-control"] == "no-store"
        return from_json(reply.content)


@asynccontextmanager
async def asking(gateway: Gateway, key: str = ADMIN) -> AsyncIterator[Admin]:
    transport = httpx.ASGITransport(gateway.app)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway/v1", headers=headers) as http:
        yield Admin(http)


def audit_lines(records: Sequence[logging.LogRecord]) -> list[dict[str, Any]]:
    return [from_json(each.getMessage()) for each in records if each.name == "gateway.audit"]
