"""Bodies of every family pass the emulator's rules, and its answers are read."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest

from app.core.plan import Target, Traits
from app.core.ports import Call, Caller, EmbeddingItem, EmbeddingRequest
from app.core.prompt import Blob
from app.upstreams.invoke.embedder import InvokeEmbedder
from app.upstreams.invoke.embeddings import FAMILIES, family_of
from app.upstreams.invoke.embeddings.family import Family
from local.emulator import embeddings as emulator

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"
IMAGE = Blob(base64.b64encode(PNG).decode(), len(PNG))
MODELS = {
    "Titan Text v1": ["amazon.titan-embed-text-v1"],
    "Titan Text v2": ["amazon.titan-embed-text-v2:0"],
    "Titan Multimodal": ["amazon.titan-embed-image-v1"],
    "Cohere Embed v3": ["cohere.embed-english-v3", "cohere.embed-multilingual-v3"],
    "Cohere Embed v4": ["cohere.embed-v4:0"],
    "Nova Multimodal": ["amazon.nova-2-multimodal-embeddings-v1:0"],
    "Marengo 2.7": ["twelvelabs.marengo-embed-2-7-v1:0"],
    "Marengo 3.0": ["twelvelabs.marengo-embed-3-0-v1:0"],
}
"""Model ids of each family."""


async def resolve(name: str) -> Target:
    return Target(name, name, Traits())


async def invoke(
    model_id: str, body: bytes, region: str, metadata: Mapping[str, str]
) -> tuple[bytes, Mapping[str, str]]:
    return json.dumps(emulator.embed(model_id, json.loads(body)).document).encode(), {}


@pytest.mark.parametrize(("family", "model"), [(family, model) for family in FAMILIES for model in MODELS[family.name]])
async def test_all_that_a_family_offers_is_taken(family: Family, model: str) -> None:
    assert family_of(model) is family
    offered = {
        "text": EmbeddingItem("a text"),
        "image": EmbeddingItem(image=IMAGE),
        "both": EmbeddingItem("a text", IMAGE),
    }
    items = tuple(offered[kind] for kind in family.batches) * (family.batches["text"] + 2)
    for size in (None, *(family.dimensions or ())):
        for word in ("", *family.input_types):
            for end in ("", *family.truncations):
                request = EmbeddingRequest(model, items, size, word, {"truncate": end})
                result = await InvokeEmbedder(resolve, invoke).embed(request, Call("r", Caller("k"), "embeddings"))
                assert {len(vector) for vector in result.vectors} == {size or family.size}
                assert result.vectors[: len(family.batches)] == result.vectors[-len(family.batches) :]
            items = items[: len(family.batches) * 2]  # once with many is enough
