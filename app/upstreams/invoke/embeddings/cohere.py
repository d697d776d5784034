"""Cohere Embed: up to 96 texts per request.

Bodies and limits: Amazon Bedrock user guide, "Cohere Embed v3" and "Cohere Embed v4" (2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.ports import EmbeddingItem
from app.upstreams.invoke.embeddings.family import Family, Options, Reply, base_ids
from app.upstreams.invoke.embeddings.image import data_url
from app.upstreams.invoke.embeddings.reading import count, elements, member, vector

_INPUT_TYPES = {
    "query": "search_query",
    "document": "search_document",
    "search_query": "search_query",
    "search_document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
}


def _encode_v3(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    image = items[0].image
    if image is not None:
        return {"images": [data_url(image)], "input_type": "image"}
    body: dict[str, Any] = {"texts": [item.text for item in items], "input_type": options.input_type}
    if options.truncate:
        body["truncate"] = options.truncate
    return body


def _encode_v4(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    """The types are named because it is not documented what comes without."""
    body: dict[str, Any] = {"input_type": options.input_type, "embedding_types": ["float"]}
    images = [item.image for item in items if item.image is not None]
    if not images:
        body["texts"] = [item.text for item in items]
    elif not any(item.text for item in items):
        body["images"] = [data_url(image) for image in images]
    else:
        body["inputs"] = [
            {"content": [{"type": "text", "text": item.text}, {"type": "image_url", "image_url": data_url(image)}]}
            for item, image in zip(items, images, strict=True)
        ]
    if options.truncate:
        body["truncate"] = options.truncate
    if options.dimensions is not None:
        body["output_dimension"] = options.dimensions
    return body


def _decode(document: Any) -> Reply:
    """`{"embeddings": [[...]]}`, or by type: `{"embeddings": {"float": [[...]]}}`. Neither counts tokens as a rule."""
    found = member(document, "embeddings")
    rows = elements(found.get("float") if isinstance(found, dict) else found)
    return Reply([vector(row) for row in rows], _billed(document))


def _billed(document: Any) -> int | None:
    """`meta.billed_units.input_tokens`, which Cohere's own API has; used where Bedrock passes it on."""
    meta = document.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    return count(billed.get("input_tokens")) if isinstance(billed, dict) else None


V3 = Family(
    name="Cohere Embed v3",
    base_ids=base_ids(r"cohere\.embed-(?:english|multilingual)-v3"),
    size=1024,
    dimensions=None,
    batches={"text": 96, "image": 1},
    encode=_encode_v3,
    decode=_decode,
    input_types=_INPUT_TYPES,
    default_input_type="search_document",
    truncations={"NONE": "NONE", "START": "START", "END": "END"},
)
V4 = Family(
    name="Cohere Embed v4",
    base_ids=base_ids(r"cohere\.embed-v4"),
    size=1536,
    dimensions=(256, 512, 1024, 1536),
    batches={"text": 96, "image": 96, "both": 96},
    encode=_encode_v4,
    decode=_decode,
    input_types=_INPUT_TYPES,
    default_input_type="search_document",
    truncations={"NONE": "NONE", "START": "LEFT", "END": "RIGHT"},
)
