"""`/organization/projects/{project}/api_keys`: the keys of a project, their limits and what they have spent."""

from __future__ import annotations

from app.api.keys import encode
from app.api.keys.decode import applied
from app.api.keys.desk import Asked, Desk, fields_of
from app.api.keys.query import PAGING, paged
from app.api.keys.schema import KeyFields, KeyRotate
from app.core.records import KeyRecord, Project


async def list_all(desk: Desk, asked: Asked) -> encode.Body:
    query = asked.query(*PAGING, "owner_project_access")
    wanted = query.choice("owner_project_access", "any", "active", "inactive")
    project = await desk.project(asked)
    found = await desk.directory.keys(project.id)
    if wanted != "any" and (wanted == "active") is not (project.archived_at is None):
        found = []
    page, more = paged(found, query, lambda record: record.id)
    owners = {account.id: account for account in await desk.directory.accounts(project.id)} if page else {}
    active = project.archived_at is None
    spent = await desk.spent_of(page)
    rows = zip(page, spent, strict=True)
    data = [encode.key(record, owners.get(record.account), each, active=active) for record, each in rows]
    return encode.listing(data, more=more)


async def retrieve(desk: Desk, asked: Asked) -> encode.Body:
    project = await desk.project(asked)
    return await _shown(desk, project, await desk.key(asked, project))


async def update(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(KeyFields)
    project = await desk.project(asked, open=True)
    before = await desk.key(asked, project, own=True)
    record = applied(before, given, desk.clock())
    if record != before:
        if record.budget != before.budget:
            await desk.begin("key", record.id, record.budget)
        record = await desk.directory.update_key(record)
        await asked.note("api_key.updated", record.id, {"project": project.id, "fields": fields_of(given)})
    return await _shown(desk, project, record)


async def rotate(desk: Desk, asked: Asked) -> encode.Body:
    """A new secret, shown this once; the limits and the spending stay."""
    given = await asked.body(KeyRotate, optional=True)
    project = await desk.project(asked, open=True)
    before = await desk.key(asked, project)
    shown = await _shown(desk, project, before)  # first, since a failure afterwards would lose the secret
    record, value = await desk.directory.rotate_key(before.id, grace=given.grace_seconds or 0)
    await asked.note("api_key.updated", record.id, {"project": project.id, "fields": "value"})
    return shown | {"redacted_value": record.redacted, "value": value}


async def delete(desk: Desk, asked: Asked) -> encode.Body:
    project = await desk.project(asked)
    record = await desk.key(asked, project)
    await desk.directory.delete_key(record.id)
    await asked.note("api_key.deleted", record.id, {"project": project.id})
    return encode.deleted("organization.project.api_key", record.id)


async def _shown(desk: Desk, project: Project, record: KeyRecord) -> encode.Body:
    owner = await desk.directory.account(record.account) if record.account else None
    spent = await desk.spent("key", record.id, record.budget)
    return encode.key(record, owner, spent, active=project.archived_at is None)
