"""What `GET /v1/status` sends: what the canary's deep probe last found, model by model."""

from __future__ import annotations

from typing import Literal, TypedDict


class CheckBody(TypedDict, total=False):
    """One check of one model. `ms`: how long it took. `detail`: a few words. `at`: epoch seconds."""

    status: Literal["ok", "failed", "skipped"]
    ms: int
    detail: str
    at: int


class ModelStatusBody(TypedDict):
    """`checks`: chunking, tools, parallel_tools, thinking, json_schema, image, cache, embeddings."""

    id: str
    object: Literal["model.status"]
    checked_at: int
    checks: dict[str, CheckBody]


class StatusBody(TypedDict):
    """`probing`: whether this deployment keeps results at all. `data` is empty until the deep probe has run."""

    object: Literal["status"]
    version: str
    probing: bool
    data: list[ModelStatusBody]
