"""`/organization/admin_api_keys`: the keys that open the admin routes."""

from __future__ import annotations

from app.api.keys import encode
from app.api.keys.desk import Asked, Desk, id_in, missing
from app.api.keys.query import PAGING, paged
from app.api.keys.schema import AdminKeyCreate


async def list_all(desk: Desk, asked: Asked) -> encode.Body:
    query = asked.query(*PAGING, "order")
    page, more = paged(await desk.directory.admin_keys(), query, lambda key: key.id)
    return encode.listing([encode.admin_key(key) for key in page], more=more)


async def create(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(AdminKeyCreate)
    expires_at = int(desk.clock()) + given.expires_in_seconds if given.expires_in_seconds else None
    key, value = await desk.directory.create_admin_key(given.name, expires_at=expires_at)
    await asked.note("tenant.admin_api_key.created", key.id)
    return encode.admin_key(key) | {"value": value}


async def retrieve(desk: Desk, asked: Asked) -> encode.Body:
    id = id_in(asked, "key", "admin API key")
    key = await desk.directory.admin_key(id)
    if key is None:
        raise missing("admin API key", id)
    return encode.admin_key(key)


async def delete(desk: Desk, asked: Asked) -> encode.Body:
    id = id_in(asked, "key", "admin API key")
    await desk.directory.delete_admin_key(id)
    await asked.note("tenant.admin_api_key.deleted", id)
    return encode.deleted("organization.admin_api_key", id)
