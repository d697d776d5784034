"""Kept results -> the body of `GET /v1/status`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from app.api.status.schema import CheckBody, ModelStatusBody, StatusBody
from app.core.ports import Check, ModelStatus


def encode(statuses: Iterable[ModelStatus], version: str, *, probing: bool) -> StatusBody:
    """By model id, so that the same state gives the same answer."""
    data = [_model(status) for status in sorted(statuses, key=lambda status: status.model)]
    return StatusBody(object="status", version=version, probing=probing, data=data)


def _model(status: ModelStatus) -> ModelStatusBody:
    return ModelStatusBody(
        id=status.model,
        object="model.status",
        checked_at=status.checked_at,
        checks={name: _check(check) for name, check in sorted(status.checks.items())},
    )


def _check(check: Check) -> CheckBody:
    body = CheckBody(status=check.status)
    if check.ms is not None:
        body["ms"] = check.ms
    if check.detail:
        body["detail"] = check.detail
    if check.at:
        body["at"] = check.at
    return body
