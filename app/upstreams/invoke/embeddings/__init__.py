"""Embedding models by family. To add one: a module beside these with a `Family`, and its line in the tuple."""

from __future__ import annotations

from app.upstreams.invoke.embeddings import cohere, marengo, nova, titan
from app.upstreams.invoke.embeddings.family import Family

FAMILIES: tuple[Family, ...] = (
    titan.V1,
    titan.V2,
    titan.MULTIMODAL,
    cohere.V3,
    cohere.V4,
    nova.MULTIMODAL,
    marengo.V2,
    marengo.V3,
)


def family_of(base_id: str) -> Family | None:
    """The family of a foundation model, None where it is no embedding model that is known here."""
    return next((family for family in FAMILIES if family.base_ids.match(base_id)), None)
