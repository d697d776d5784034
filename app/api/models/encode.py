"""Model entries -> OpenAI's model objects. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from app.api.models.schema import ModelBody, ModelListBody
from app.core.ports import ModelEntry

CREATED = 1_672_531_200
"""2023-01-01, for models whose date is unknown. Fixed, since clients cache and sort by it: now() would change it."""


def encode(entry: ModelEntry) -> ModelBody:
    """One model object; facts that are not known are left out, rather than null."""
    body = ModelBody(id=entry.id, object="model", created=entry.created or CREATED, owned_by=entry.owner)
    if entry.name:
        body["name"] = entry.name
    body["kind"] = entry.kind
    if entry.context_window is not None:
        body["context_window"] = entry.context_window
    if entry.max_output is not None:
        body["max_output_tokens"] = entry.max_output
    if entry.inputs:
        body["input_modalities"] = list(entry.inputs)
    if entry.outputs:
        body["output_modalities"] = list(entry.outputs)
    if entry.capabilities:
        body["capabilities"] = list(entry.capabilities)
    if entry.lifecycle == "LEGACY":
        body["lifecycle"] = "legacy"
    if entry.end_of_life:
        body["end_of_life"] = entry.end_of_life
    return body


def encode_list(entries: Iterable[ModelEntry]) -> ModelListBody:
    """The list, by id: the same models give the same answer, in whatever order they were found."""
    return ModelListBody(object="list", data=[encode(entry) for entry in sorted(entries, key=lambda entry: entry.id)])
