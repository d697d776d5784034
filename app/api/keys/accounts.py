"""`/organization/projects/{project}/service_accounts`, and how keys are made: for a service account, as at OpenAI."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from app.api.keys import encode
from app.api.keys.decode import applied, refuse
from app.api.keys.desk import Asked, Desk, fields_of
from app.api.keys.query import PAGING, paged
from app.api.keys.schema import AccountCreate, AccountUpdate, KeyFields
from app.core.directory import Spent
from app.core.records import KeyRecord, Project, ServiceAccount
from app.core.windows import window_at
from app.errors import GatewayError

_OF_KEYS = tuple(name for name in KeyFields.model_fields if name != "name")


async def list_all(desk: Desk, asked: Asked) -> encode.Body:
    query = asked.query(*PAGING)
    project = await desk.project(asked)
    page, more = paged(await desk.directory.accounts(project.id), query, lambda account: account.id)
    return encode.listing([encode.account(each) for each in page], more=more)


async def create(desk: Desk, asked: Asked) -> encode.Body:
    """The account and its first key, or neither."""
    given = await asked.body(AccountCreate)
    project = await desk.project(asked, open=True)
    bare = bool(given.create_service_account_only)
    if bare:
        refuse(given, _OF_KEYS, "there is to be no key, which it could be for")
    blank = applied(
        KeyRecord("", given.name, project.id), given, desk.clock()
    )  # whatever is wrong with it is told first
    account = await desk.directory.create_account(project.id, given.name, role="none" if bare else "member")
    key: encode.Body | None = None
    try:
        if not bare:
            key = await _make(desk, asked, project, replace(blank, account=account.id))
    except GatewayError:
        with contextlib.suppress(GatewayError):
            await desk.directory.delete_account(account.id)
        raise
    await asked.note("service_account.created", account.id, {"project": project.id})
    return encode.account(account) | {"api_key": key}


async def create_key(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(KeyFields)
    project = await desk.project(asked, open=True)
    account = await desk.account(asked, project)
    record = KeyRecord("", given.name or account.name, project.id, account=account.id)
    return await _make(desk, asked, project, applied(record, given, desk.clock()))


async def _make(desk: Desk, asked: Asked, project: Project, record: KeyRecord) -> encode.Body:
    record, value = await desk.directory.create_key(record)
    await asked.note("api_key.created", record.id, {"project": project.id})
    # A new key has spent nothing. Not read from the ledger: a failure here would lose the secret.
    spent = None
    if record.budget:
        window = window_at(record.budget.interval, desk.clock())
        spent = Spent(0, 0, window.name, window.end)
    return encode.new_key(record, value, spent)


async def retrieve(desk: Desk, asked: Asked) -> encode.Body:
    return encode.account(await _account(desk, asked))


async def update(desk: Desk, asked: Asked) -> encode.Body:
    """The role is a label: nothing here looks at it."""
    given = await asked.body(AccountUpdate)
    account = await _account(desk, asked)
    changed = replace(account, name=given.name or account.name, role=given.role or account.role)
    if changed != account:
        account = await desk.directory.update_account(changed)
        await asked.note(
            "service_account.updated", account.id, {"project": account.project, "fields": fields_of(given)}
        )
    return encode.account(account)


async def delete(desk: Desk, asked: Asked) -> encode.Body:
    account = await _account(desk, asked)
    await desk.directory.delete_account(account.id)
    await asked.note("service_account.deleted", account.id, {"project": account.project})
    return encode.deleted("organization.project.service_account", account.id)


async def _account(desk: Desk, asked: Asked) -> ServiceAccount:
    return await desk.account(asked, await desk.project(asked))
