"""The commands about projects: `./dev keys project ...`."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from app.core.records import Project
from local.keys import shown
from local.keys.changes import changed_project
from local.keys.commands import WrongUse, require_unused
from local.keys.desk import Desk

_OPTIONS = ("new_name", "budget", "rpm", "tpm")


async def create(desk: Desk, flags: Namespace) -> None:
    require_unused("project", flags.name, await _open(desk))
    project = await desk.directory.create_project(flags.name)
    await desk.note("project.created", project.id, _given(flags))
    if _given(flags):
        project = await desk.directory.update_project(changed_project(project, flags))
    desk.say(shown.project_rows([project]))


async def list_all(desk: Desk, flags: Namespace) -> None:
    projects = await desk.directory.projects()
    if flags.json:
        desk.say(json.dumps([shown.project_json(project) for project in projects], indent=2))
    else:
        desk.say(shown.project_rows(projects))


async def change(desk: Desk, flags: Namespace) -> None:
    if not _given(flags):
        raise WrongUse("Nothing to change. Give at least one of --name, --budget, --rpm, --tpm.")
    before = await desk.project(flags.name)
    if getattr(flags, "new_name", before.name) != before.name:
        require_unused("project", flags.new_name, await _open(desk))
    after = changed_project(before, flags)
    await desk.begin("project", after.id, before.budget, after.budget)
    project = await desk.directory.update_project(after)
    await desk.note("project.updated", project.id, _given(flags))
    desk.say(shown.project_rows([project]))
    desk.say("In force within a minute.")


async def archive(desk: Desk, flags: Namespace) -> None:
    project = await desk.project(flags.name)
    if project.archived_at is None:
        project = await desk.directory.update_project(replace(project, archived_at=int(desk.clock())))
        await desk.note("project.archived", project.id)
    desk.say(f"{project.id}  {project.name}: archived. Its keys open nothing, within a minute.")


async def _open(desk: Desk) -> list[Project]:
    """Those whose names are taken: an archived one gives its name free."""
    return [each for each in await desk.directory.projects() if each.archived_at is None]


def _given(flags: Namespace) -> list[str]:
    return [name for name in _OPTIONS if hasattr(flags, name)]


COMMANDS: Mapping[str, Callable[[Desk, Namespace], Awaitable[None]]] = {
    "create": create,
    "list": list_all,
    "set": change,
    "archive": archive,
}
