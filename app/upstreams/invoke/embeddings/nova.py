"""Amazon Nova Multimodal Embeddings: one item per request, synchronous, text and images.

Bodies and limits: Amazon Nova user guide, "Nova Embeddings request schema" (2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.ports import EmbeddingItem
from app.upstreams.invoke.embeddings.family import Family, Options, Reply, base_ids
from app.upstreams.invoke.embeddings.image import format_of
from app.upstreams.invoke.embeddings.reading import elements, member, vector

_PURPOSES = (
    "GENERIC_INDEX",
    "GENERIC_RETRIEVAL",
    "TEXT_RETRIEVAL",
    "IMAGE_RETRIEVAL",
    "VIDEO_RETRIEVAL",
    "DOCUMENT_RETRIEVAL",
    "AUDIO_RETRIEVAL",
    "CLASSIFICATION",
    "CLUSTERING",
)


def _encode(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    item = items[0]
    params: dict[str, Any] = {"embeddingPurpose": options.input_type}
    if options.dimensions is not None:
        params["embeddingDimension"] = options.dimensions
    if item.image is None:
        params["text"] = {"truncationMode": options.truncate, "value": item.text}
    else:
        params["image"] = {"format": format_of(item.image), "source": {"bytes": item.image.base64}}
    return {
        "schemaVersion": "nova-multimodal-embed-v1",
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": params,
    }


def _decode(document: Any) -> Reply:
    """`{"embeddings": [{"embeddingType": "TEXT", "embedding": [...]}]}`; it counts no tokens."""
    first = elements(member(document, "embeddings"))[0]
    return Reply([vector(member(first, "embedding"))])


MULTIMODAL = Family(
    name="Nova Multimodal",
    base_ids=base_ids(r"amazon\.nova-2-multimodal-embeddings-v1"),
    size=3072,
    dimensions=(256, 384, 1024, 3072),
    batches={"text": 1, "image": 1},
    encode=_encode,
    decode=_decode,
    input_types={
        "query": "GENERIC_RETRIEVAL",
        "document": "GENERIC_INDEX",
        "search_query": "GENERIC_RETRIEVAL",
        "search_document": "GENERIC_INDEX",
        "classification": "CLASSIFICATION",
        "clustering": "CLUSTERING",
    }
    | {purpose: purpose for purpose in _PURPOSES},
    default_input_type="GENERIC_INDEX",
    truncations={"NONE": "NONE", "START": "START", "END": "END"},
    default_truncation="NONE",  # the field is required; a text too long is an error with OpenAI too
)
