"""TwelveLabs Marengo: one item per request; text and images (video and audio are asynchronous only).

Bodies and limits: Amazon Bedrock user guide, "TwelveLabs Marengo Embed" 2.7 (end of life 2026-11-30) and 3.0 (2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.ports import EmbeddingItem
from app.upstreams.invoke.embeddings.family import Family, Options, Reply, base_ids
from app.upstreams.invoke.embeddings.reading import elements, member, vector


def _encode_v2(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    item = items[0]
    if item.image is not None:
        return {"inputType": "image", "mediaSource": {"base64String": item.image.base64}}
    body = {"inputType": "text", "inputText": item.text}
    if options.truncate:
        body["textTruncate"] = options.truncate
    return body


def _encode_v3(items: Sequence[EmbeddingItem], options: Options) -> dict[str, Any]:
    item = items[0]
    if item.image is None:
        return {"inputType": "text", "text": {"inputText": item.text}}
    media = {"mediaSource": {"base64String": item.image.base64}}
    if item.text:
        return {"inputType": "text_image", "text_image": {"inputText": item.text} | media}
    return {"inputType": "image", "image": media}


def _decode(document: Any) -> Reply:
    """`[{"embedding": [...]}]`, bare or as `{"data": [...]}`: both have been described. It counts no tokens."""
    rows = document if isinstance(document, list) else member(document, "data")
    return Reply([vector(member(elements(rows)[0], "embedding"))])


V2 = Family(
    name="Marengo 2.7",
    base_ids=base_ids(r"twelvelabs\.marengo-embed-2-7-v1"),
    size=1024,
    dimensions=None,
    batches={"text": 1, "image": 1},
    encode=_encode_v2,
    decode=_decode,
    truncations={"NONE": "none", "END": "end"},
)
V3 = Family(
    name="Marengo 3.0",
    base_ids=base_ids(r"twelvelabs\.marengo-embed-3-0-v1"),
    size=512,
    dimensions=None,
    batches={"text": 1, "image": 1, "both": 1},
    encode=_encode_v3,
    decode=_decode,
)
