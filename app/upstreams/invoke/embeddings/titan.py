"""Amazon Titan: one item per request.

Bodies and limits: Amazon Bedrock user guide, "Amazon Titan Embeddings" and "Titan Multimodal Embeddings G1" (2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.ports import EmbeddingItem
from app.upstreams.errors import scrub
from app.upstreams.invoke.embeddings.family import Family, Options, Reply, base_ids
from app.upstreams.invoke.embeddings.reading import count, member, misfit, vector


def _encode_v1(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    return {"inputText": items[0].text}


def _encode_v2(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    """Normalised, said aloud: OpenAI's vectors have length 1, and clients compare them by dot product."""
    body: dict[str, Any] = {"inputText": items[0].text, "normalize": True}
    if options.dimensions is not None:
        body["dimensions"] = options.dimensions
    return body


def _encode_multimodal(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    item = items[0]
    body: dict[str, Any] = {}
    if item.text:
        body["inputText"] = item.text
    if item.image is not None:
        body["inputImage"] = item.image.base64
    if options.dimensions is not None:
        body["embeddingConfig"] = {"outputEmbeddingLength": options.dimensions}
    return body


def _decode(document: Any) -> Reply:
    """`{"embedding": [...], "inputTextTokenCount": n, "message": null or what went wrong}`."""
    embedding, message = member(document, "embedding"), member(document, "message")
    if embedding is None and isinstance(message, str) and message:
        raise misfit(f"it says {scrub(message)[:500]!r}")
    return Reply([vector(embedding)], count(member(document, "inputTextTokenCount")))


V1 = Family(
    name="Titan Text v1",
    base_ids=base_ids(r"amazon\.titan-embed-(?:text-v1|g1-text-02)"),
    size=1536,
    dimensions=None,
    batches={"text": 1},
    encode=_encode_v1,
    decode=_decode,
)
V2 = Family(
    name="Titan Text v2",
    base_ids=base_ids(r"amazon\.titan-embed-text-v2"),
    size=1024,
    dimensions=(256, 512, 1024),
    batches={"text": 1},
    encode=_encode_v2,
    decode=_decode,
)
MULTIMODAL = Family(
    name="Titan Multimodal",
    base_ids=base_ids(r"amazon\.titan-embed-image-v1"),
    size=1024,
    dimensions=(256, 384, 1024),
    batches={"text": 1, "image": 1, "both": 1},
    encode=_encode_multimodal,
    decode=_decode,
)
