"""Implements core.directory.Directory over the table: keys, admin keys, projects, service accounts, organization, audit.

Partitions and attributes are in docs/table.md. Reads are consistent, so that a change is seen by whoever made it.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from app.core.access import DEFAULT_PROJECT
from app.core.directory import Audit
from app.core.records import AdminKey, KeyRecord, Organization, Project, ServiceAccount
from app.core.table import Present, Refused, Table, Value
from app.core.windows import window_at
from app.errors import GatewayError, InvalidRequest, NotFound
from app.stores.directory import checks, items
from app.stores.directory.credentials import ADMIN_KEY, KEY, new_credential, new_name
from app.stores.directory.fields import Broken
from app.stores.directory.shelf import ORGANIZATION, OWN_KEY, TOUCH_SECONDS, Shelf, default_project

AUDIT_SECONDS = 400 * 86400
AUDIT_MONTHS = 14
"""Partitions that a listing looks into at most."""
_MOST_TOUCHED = 10_000


class TableDirectory:
    """`max_cache_ttl`: the setting CACHE_MAX_SECONDS. `clock`: epoch seconds."""

    def __init__(
        self,
        table: Table,
        *,
        clock: Callable[[], float] = time.time,
        max_cache_ttl: int = checks.MOST_CACHE_SECONDS,
    ) -> None:
        self._table = table
        self._clock = clock
        self._max_cache_ttl = max_cache_ttl
        self._touched: dict[str, float] = {}
        self._keys = Shelf(table, KEY, "API key", items.key_of, clock=clock, unwritten=(OWN_KEY,))
        self._admin_keys = Shelf(table, ADMIN_KEY, "admin key", items.admin_key_of, clock=clock)
        self._projects = Shelf(table, "project", "project", items.project_of, clock=clock, unwritten=(DEFAULT_PROJECT,))
        self._accounts = Shelf(table, "account", "service account", items.account_of, clock=clock)
        self._organization = Shelf(
            table, "organization", "organization", items.organization_of, clock=clock, unwritten=(ORGANIZATION,)
        )

    # Keys

    async def keys(self, project: str = "") -> Sequence[KeyRecord]:
        return [record for record in await self._keys.all() if not project or record.project == project]

    async def key(self, id: str) -> KeyRecord | None:
        return await self._keys.get(id)

    async def create_key(self, record: KeyRecord) -> tuple[KeyRecord, str]:
        self._check(record)
        checks.check_expiry(record.expires_at, self._clock())
        await self._require_open(record.project)
        if record.account and await self.account(record.account) is None:
            self._accounts.not_found(record.account)
        new = new_credential(KEY)
        body = items.key_body(replace(record, redacted=new.redacted))
        return await self._keys.create(new.id, body, {"salt": new.salt, "hash": new.hash}), new.key

    async def update_key(self, record: KeyRecord) -> KeyRecord:
        """The record `default` is made by its first change: it is the API_KEY's."""
        self._check(record)
        if record.expires_at is not None and record.expires_at <= self._clock():
            # One that has expired may be changed, and stays expired.
            before = await self.key(record.id)
            if before is None or before.expires_at != record.expires_at:
                checks.check_expiry(record.expires_at, self._clock())
        if await self.project(record.project) is None:
            self._projects.not_found(record.project)
        return await self._keys.change(record.id, record.version, items.key_body(record))

    async def rotate_key(self, id: str, *, grace: int = 0) -> tuple[KeyRecord, str]:
        """Of two old secrets only the last one opens. The API_KEY (`default`) is not rotated here: InvalidRequest."""
        checks.check_grace(grace)
        if id == OWN_KEY:
            raise InvalidRequest("The API_KEY is set with the deployment; rotate it there.", code="not_rotatable")
        item = await self._keys.item(id)
        if item is None:
            self._keys.not_found(id)
        record = self._keys.read(item)
        new = new_credential(KEY, id)
        more = {"salt": new.salt, "hash": new.hash}
        old = {"old_salt": item.get("salt", ""), "old_hash": item.get("hash", "")}
        body = items.key_body(replace(record, redacted=new.redacted))
        if grace:
            changed = {**more, **old, "old_until": int(self._clock()) + grace}
            return await self._keys.change(id, record.version, body, changed), new.key
        gone = ("old_salt", "old_hash", "old_until")
        return await self._keys.change(id, record.version, body, more, remove=gone), new.key

    async def delete_key(self, id: str) -> None:
        await self._keys.delete(id)

    async def touch(self, id: str, at: float) -> None:
        """A key was used. Written once an hour per key and process; never raises, for nobody waits for it."""
        if at - self._touched.get(id, -math.inf) < TOUCH_SECONDS:
            return
        if len(self._touched) >= _MOST_TOUCHED:
            self._touched.clear()
        self._touched[id] = at
        pk = ADMIN_KEY if id.startswith("adm_") else KEY
        with contextlib.suppress(Refused, GatewayError):  # deleted since, or the table is away: the next hour will do
            await self._table.update(pk, id, set={"last_used_at": int(at)}, when=[Present("body")])

    def _check(self, record: KeyRecord) -> None:
        checks.check_key(record, max_cache_ttl=self._max_cache_ttl)

    # Admin keys

    async def admin_keys(self) -> Sequence[AdminKey]:
        return await self._admin_keys.all()

    async def admin_key(self, id: str) -> AdminKey | None:
        return await self._admin_keys.get(id)

    async def create_admin_key(self, name: str, *, expires_at: int | None = None) -> tuple[AdminKey, str]:
        checks.check_name(name)
        checks.check_expiry(expires_at, self._clock())
        new = new_credential(ADMIN_KEY)
        body = items.admin_key_body(AdminKey(new.id, name, expires_at=expires_at, redacted=new.redacted))
        return await self._admin_keys.create(new.id, body, {"salt": new.salt, "hash": new.hash}), new.key

    async def delete_admin_key(self, id: str) -> None:
        await self._admin_keys.delete(id)

    # Projects

    async def projects(self) -> Sequence[Project]:
        found = await self._projects.all()
        written = [project for project in found if project.id == DEFAULT_PROJECT]
        others = [project for project in found if project.id != DEFAULT_PROJECT]
        return [*(written or [default_project()]), *others]

    async def project(self, id: str) -> Project | None:
        found = await self._projects.get(id)
        return default_project() if found is None and id == DEFAULT_PROJECT else found

    async def create_project(self, name: str) -> Project:
        checks.check_name(name)
        id = f"proj_{new_name()}"
        return await self._projects.create(id, items.project_body(Project(id, name)))

    async def update_project(self, project: Project) -> Project:
        checks.check_project(project)
        if project.id == DEFAULT_PROJECT and project.archived_at is not None:
            raise InvalidRequest("The default project can't be archived.", param="project_id", code="invalid_value")
        return await self._projects.change(project.id, project.version, items.project_body(project))

    async def _require_open(self, id: str) -> None:
        project = await self.project(id)
        if project is None:
            self._projects.not_found(id)
        if project.archived_at is not None:
            raise InvalidRequest("The project is archived.", param="project_id", code="project_archived")

    # Service accounts

    async def accounts(self, project: str) -> Sequence[ServiceAccount]:
        return [account for account in await self._accounts.all() if account.project == project]

    async def account(self, id: str) -> ServiceAccount | None:
        return await self._accounts.get(id)

    async def create_account(self, project: str, name: str, *, role: str = "member") -> ServiceAccount:
        checks.check_name(name)
        checks.check_text("role", role, 64)
        await self._require_open(project)
        id = f"svc_{new_name()}"
        return await self._accounts.create(id, items.account_body(ServiceAccount(id, name, project, role=role)))

    async def update_account(self, account: ServiceAccount) -> ServiceAccount:
        """The last change wins: an account has no version that one could have read."""
        checks.check_name(account.name)
        checks.check_text("role", account.role, 64)
        item = await self._accounts.item(account.id)
        if item is None:
            self._accounts.not_found(account.id)
        version = item.get("version", 0)
        return await self._accounts.change(
            account.id, version if isinstance(version, int) else 0, items.account_body(account)
        )

    async def delete_account(self, id: str) -> None:
        """Its keys first: where that breaks off, the account is still there to be deleted again."""
        if await self._accounts.item(id) is None:
            self._accounts.not_found(id)
        for record in await self._keys.all():
            if record.account == id:
                with contextlib.suppress(NotFound):
                    await self._keys.delete(record.id)
        await self._accounts.delete(id)

    # The organization and what was done

    async def organization(self) -> Organization:
        return await self._organization.get(ORGANIZATION) or Organization()

    async def update_organization(self, organization: Organization) -> Organization:
        checks.check_organization(organization)
        return await self._organization.change(
            ORGANIZATION, organization.version, items.organization_body(organization)
        )

    async def write_audit(self, entry: Audit) -> None:
        sk = f"{int(entry.at * 1000):013}#{secrets.token_hex(4)}"
        item: dict[str, Value] = {"body": items.audit_body(entry), "expires_at": int(entry.at) + AUDIT_SECONDS}
        await self._table.put(audit_partition(entry.at), sk, item)

    async def audit(self, *, limit: int = 100) -> Sequence[Audit]:
        found: list[Audit] = []
        month = window_at("month", self._clock())
        for _ in range(AUDIT_MONTHS):
            if len(found) >= limit:
                break
            written = await self._table.query(audit_partition(month.start), limit=limit - len(found), descending=True)
            for item in written:
                with contextlib.suppress(Broken):  # nothing but a line of a log
                    found.append(items.audit_of(item))
            month = window_at("month", month.start - 1)
        return found


def audit_partition(at: float) -> str:
    return f"audit#{window_at('month', at).name}"
