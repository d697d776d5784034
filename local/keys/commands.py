"""The commands about keys. A secret is printed once, alone on the last line of standard output."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace

from app.core.records import AdminKey, KeyRecord, Project
from app.stores.directory.shelf import OWN_KEY
from local.keys import shown
from local.keys.changes import KEY_OPTIONS, changed_key, given
from local.keys.desk import Desk, Unknown

ONCE = "The key, shown this once; keep it safe:"


class WrongUse(Exception):
    """Options that don't go together; the text says which."""


async def create(desk: Desk, flags: Namespace) -> None:
    if flags.admin:
        return await _create_admin(desk, flags)
    project = await desk.project(getattr(flags, "project", "proj_default"))
    if flags.name == OWN_KEY:
        raise WrongUse(f"{OWN_KEY} is the API_KEY of the deployment. Its limits: ./dev keys set {OWN_KEY} ...")
    require_unused("key", flags.name, await desk.directory.keys())
    wanted = changed_key(KeyRecord("", flags.name), flags, project.id)
    record, secret = await desk.directory.create_key(wanted)
    desk.say(shown.key_lines(record, project.name, None, desk.clock()))
    desk.say(ONCE)
    desk.say(secret)
    await desk.note("api_key.created", record.id, given(flags))


async def _create_admin(desk: Desk, flags: Namespace) -> None:
    if extra := [option for option in given(flags) if option != "expires"]:
        raise WrongUse(f"An admin key has no limits: --admin goes with --expires only, not with {_options(extra)}.")
    require_unused("admin key", flags.name, await desk.directory.admin_keys())
    key, secret = await desk.directory.create_admin_key(flags.name, expires_at=getattr(flags, "expires", None))
    desk.say(f"{key.id}  {key.name}  {shown.state(False, key.expires_at, desk.clock())}")
    desk.say(ONCE)
    desk.say(secret)
    await desk.note("admin_api_key.created", key.id)


def require_unused(word: str, name: str, others: Sequence[KeyRecord] | Sequence[AdminKey] | Sequence[Project]) -> None:
    """Rejects a second key or project of one name, as the other commands could not tell the two apart by name."""
    if found := [each.id for each in others if each.name == name]:
        remedy = "archive" if word == "project" else "delete"
        raise WrongUse(
            f"The name {name!r} belongs to another {word} ({found[0]}). Choose another name, or {remedy} that one first."
        )


async def list_all(desk: Desk, flags: Namespace) -> None:
    if flags.admin:
        if hasattr(flags, "project"):
            raise WrongUse("Admin keys belong to no project.")
        keys = await desk.directory.admin_keys()
        desk.say(
            json.dumps([asdict(key) for key in keys], indent=2) if flags.json else shown.admin_rows(keys, desk.clock())
        )
        return
    project = (await desk.project(flags.project)).id if hasattr(flags, "project") else ""
    records = await desk.directory.keys(project)
    if flags.json:
        desk.say(json.dumps([shown.key_json(record) for record in records], indent=2))
    elif not records:
        desk.say("There are no keys. Make one: ./dev keys create NAME")
    else:
        desk.say(shown.key_rows(records, await desk.project_names(), desk.clock()))


async def show(desk: Desk, flags: Namespace) -> None:
    record = await desk.key(flags.name)
    spent = await desk.spent(record)
    if flags.json:
        desk.say(json.dumps(shown.key_json(record, spent), indent=2))
        return
    names = await desk.project_names()
    desk.say(shown.key_lines(record, names.get(record.project, "?"), spent, desk.clock()))


async def change(desk: Desk, flags: Namespace) -> None:
    if not given(flags):
        raise WrongUse(f"Nothing to change. Give at least one of {_options(('name', *KEY_OPTIONS))}.")
    before = await desk.key(flags.name)
    if getattr(flags, "new_name", before.name) != before.name:
        require_unused("key", flags.new_name, await desk.directory.keys())
    project = (await desk.project(flags.project)).id if hasattr(flags, "project") else before.project
    after = changed_key(before, flags, project)
    await desk.begin("key", after.id, before.budget, after.budget)
    after = await desk.directory.update_key(after)
    await desk.note("api_key.updated", after.id, given(flags))
    names = await desk.project_names()
    desk.say(shown.key_lines(after, names.get(after.project, "?"), None, desk.clock()))
    desk.say("In force within a minute.")


async def rotate(desk: Desk, flags: Namespace) -> None:
    record = await desk.key(flags.name)
    record, secret = await desk.directory.rotate_key(record.id, grace=flags.grace)
    until = f"opens for {flags.grace} s more" if flags.grace else "opens nothing any more, within a minute"
    desk.say(f"{record.id}  {record.name}: the old secret {until}.")
    desk.say(ONCE)
    desk.say(secret)
    await desk.note("api_key.updated", record.id, ["value"])


async def disable(desk: Desk, flags: Namespace) -> None:
    await _switch(desk, flags, disabled=True)


async def enable(desk: Desk, flags: Namespace) -> None:
    await _switch(desk, flags, disabled=False)


async def _switch(desk: Desk, flags: Namespace, *, disabled: bool) -> None:
    before = await desk.key(flags.name)
    if before.disabled is not disabled:
        await desk.directory.update_key(replace(before, disabled=disabled))
        await desk.note("api_key.updated", before.id, ["disabled"])
    word = "opens nothing" if disabled else "opens"
    desk.say(f"{before.id}  {before.name}: {word}, within a minute.")


async def delete(desk: Desk, flags: Namespace) -> None:
    if flags.admin:
        key = await desk.admin_key(flags.name)
        await desk.directory.delete_admin_key(key.id)
        await desk.note("admin_api_key.deleted", key.id)
        desk.say(f"{key.id}  {key.name}: deleted. It opens nothing, within a minute.")
        return
    try:
        record = await desk.key(flags.name)
    except Unknown:
        if not flags.name.startswith("key_"):
            raise
        record = KeyRecord(flags.name, "?")  # one that can't be read is in no list, and can be deleted all the same
    await desk.directory.delete_key(record.id)
    await desk.note("api_key.deleted", record.id)
    what = "its limits are gone" if record.id == OWN_KEY else "it opens nothing, within a minute"
    desk.say(f"{record.id}  {record.name}: deleted; {what}.")


def _options(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"--{name.replace('new_name', 'name').replace('_', '-')}" for name in names)


COMMANDS: Mapping[str, Callable[[Desk, Namespace], Awaitable[None]]] = {
    "create": create,
    "list": list_all,
    "show": show,
    "set": change,
    "rotate": rotate,
    "disable": disable,
    "enable": enable,
    "delete": delete,
}
