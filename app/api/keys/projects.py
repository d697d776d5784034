"""`/organization/projects`: teams. Archiving one stops its keys."""

from __future__ import annotations

from dataclasses import replace

from app.api.keys import encode
from app.api.keys.decode import refuse
from app.api.keys.desk import Asked, Desk, fields_of
from app.api.keys.query import PAGING, paged
from app.api.keys.schema import ProjectCreate, ProjectUpdate
from app.core.access import DEFAULT_PROJECT
from app.errors import InvalidRequest

_WHERE = "where data is kept and processed is decided by the AWS region of the gateway and by the models"


async def list_all(desk: Desk, asked: Asked) -> encode.Body:
    query = asked.query(*PAGING, "include_archived")
    archived = query.choice("include_archived", "false", "true") == "true"
    found = [each for each in await desk.directory.projects() if archived or each.archived_at is None]
    page, more = paged(found, query, lambda project: project.id)
    return encode.listing([encode.project(each) for each in page], more=more)


async def create(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(ProjectCreate)
    refuse(given, ("external_key_id", "geography", "residency"), _WHERE)
    project = await desk.directory.create_project(given.name)
    await asked.note("project.created", project.id, {"project": project.id})
    return encode.project(project)


async def retrieve(desk: Desk, asked: Asked) -> encode.Body:
    return encode.project(await desk.project(asked))


async def update(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(ProjectUpdate)
    refuse(given, ("external_key_id", "geography"), _WHERE)
    project = await desk.project(asked, open=True)
    if given.name is not None:
        project = await desk.directory.update_project(replace(project, name=given.name))
        await asked.note("project.updated", project.id, {"project": project.id, "fields": fields_of(given)})
    return encode.project(project)


async def archive(desk: Desk, asked: Asked) -> encode.Body:
    """For good, as at OpenAI. What is archived already stays as it is."""
    project = await desk.project(asked)
    if project.id == DEFAULT_PROJECT:
        raise InvalidRequest("The default project can't be archived.", param="project_id", code="invalid_value")
    if project.archived_at is None:
        project = await desk.directory.update_project(replace(project, archived_at=int(desk.clock())))
        await asked.note("project.archived", project.id, {"project": project.id})
    return encode.project(project)
