"""`/organization/projects/{project}/rate_limits`: `rl-default` for all models together, `rl-<base model id>` for one."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

from app.api.keys import encode
from app.api.keys.decode import rates, refuse
from app.api.keys.desk import Asked, Desk, fields_of, missing
from app.api.keys.query import PAGING, paged
from app.api.keys.schema import RateLimitUpdate
from app.core.access import Access, Rates
from app.core.records import Project
from app.errors import GatewayError
from app.web.paging import MOST

log = logging.getLogger(__name__)

ALL = "*"
_DEFAULT = "rl-default"
_ID = re.compile(r"rl-[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_OTHERS = (
    "batch_1_day_max_input_tokens",
    "max_audio_megabytes_per_1_minute",
    "max_images_per_1_minute",
    "max_requests_per_1_day",
)


async def list_all(desk: Desk, asked: Asked) -> encode.Body:
    query = asked.query(*PAGING, "before")
    project = await desk.project(asked)
    names = [ALL, *sorted((project.rates.keys() | (await _catalogue(desk) or set())) - {ALL})]
    page, more = paged(names, query, _id, default=MOST)
    return encode.listing([_shown(project, name) for name in page], more=more)


async def update(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(RateLimitUpdate)
    refuse(given, _OTHERS, "requests and tokens per minute are what is limited here")
    project = await desk.project(asked, open=True)
    model = await _model(desk, project, asked.params["limit"])
    before = project.rates.get(model, Rates())
    after = rates(given, before)
    if after != before:
        kept = {name: each for name, each in project.rates.items() if name != model}
        if after != Rates():
            kept[model] = after
        project = await desk.directory.update_project(replace(project, rates=kept))
        await asked.note("rate_limit.updated", _id(model), {"project": project.id, "fields": fields_of(given)})
    return _shown(project, model)


async def _model(desk: Desk, project: Project, id: str) -> str:
    """The model that the id is about. Raises NotFound for what is neither in the catalogue nor limited already."""
    if id == _DEFAULT:
        return ALL
    model = id.removeprefix("rl-")
    if _ID.fullmatch(id):
        known = await _catalogue(desk)
        if model in project.rates or known is None or model in known:
            return model
    raise missing("rate limit", id)


async def _catalogue(desk: Desk) -> set[str] | None:
    """The base models there are; None where that can't be told just now, which is no reason to set no limits."""
    if desk.models is None:
        return None
    try:
        entries = await desk.models.entries(Access())
    except GatewayError:
        log.warning("rate limits are shown without the catalogue, which can't be had")
        return None
    return {each.base_id for each in entries if each.kind != "alias" and _ID.fullmatch(f"rl-{each.base_id}")}


def _id(model: str) -> str:
    return _DEFAULT if model == ALL else f"rl-{model}"


def _shown(project: Project, model: str) -> encode.Body:
    return encode.rate_limit(_id(model), model, project.rates.get(model, Rates()))
