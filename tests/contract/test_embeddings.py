"""Embeddings through the official SDK, which asks for base64 unless told otherwise."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from local.emulator import Emulator
from tests.contract.conftest import problem, sent
from tests.contract.words import COHERE, TITAN, data_url, png

EVERY = [
    ("amazon.titan-embed-text-v1", 1536),
    (TITAN, 1024),
    ("amazon.titan-embed-image-v1", 1024),
    (COHERE, 1024),
    ("cohere.embed-multilingual-v3", 1024),
    ("cohere.embed-v4:0", 1536),
    ("amazon.nova-2-multimodal-embeddings-v1:0", 3072),
    ("twelvelabs.marengo-embed-3-0-v1:0", 512),
]


@pytest.mark.parametrize(("model", "size"), EVERY)
def test_every_family(client: OpenAI, model: str, size: int) -> None:
    reply = client.embeddings.create(model=model, input=["alpha", "beta"])
    assert reply.object == "list"
    assert reply.model == model
    assert [(each.index, len(each.embedding)) for each in reply.data] == [(0, size), (1, size)]
    assert reply.data[0].embedding != reply.data[1].embedding
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens


@pytest.mark.parametrize("model", [TITAN, COHERE])
def test_base64_and_float_are_the_same_numbers(client: OpenAI, model: str) -> None:
    default = client.embeddings.create(model=model, input="alpha").data[0].embedding
    floats = client.embeddings.create(model=model, input="alpha", encoding_format="float").data[0].embedding
    assert default == pytest.approx(floats, rel=1e-6)
    raw: Any = client.embeddings.create(model=model, input="alpha", encoding_format="base64").data[0].embedding
    assert isinstance(raw, str)
    data = base64.b64decode(raw)
    assert struct.unpack(f"<{len(data) // 4}f", data) == pytest.approx(floats, rel=1e-6)


def test_dimensions(client: OpenAI) -> None:
    embedding = client.embeddings.create(model=TITAN, input="alpha", dimensions=256).data[0].embedding
    assert len(embedding) == 256
    assert math.isclose(sum(number * number for number in embedding), 1, rel_tol=1e-3)


@pytest.mark.parametrize(("model", "dimensions"), [(TITAN, 300), (COHERE, 256)])
def test_dimensions_a_model_lacks(client: OpenAI, model: str, dimensions: int) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model=model, input="alpha", dimensions=dimensions)
    assert problem(raised.value)[2] == "dimensions"


@pytest.mark.parametrize("model", [TITAN, COHERE])
def test_three_hundred_inputs_keep_their_order(client: OpenAI, model: str) -> None:
    words = [f"word number {number}" for number in range(300)]
    reply = client.embeddings.create(model=model, input=words)
    assert [each.index for each in reply.data] == list(range(300))
    for place in (0, 95, 96, 299):
        alone = client.embeddings.create(model=model, input=words[place]).data[0].embedding
        assert reply.data[place].embedding == pytest.approx(alone, rel=1e-6)


def test_tokens_are_decoded(client: OpenAI) -> None:
    """[15339, 1917] is "hello world" in cl100k_base, as LangChain sends it."""
    text = client.embeddings.create(model=TITAN, input="hello world").data[0].embedding
    assert client.embeddings.create(model=TITAN, input=[15339, 1917]).data[0].embedding == text
    assert client.embeddings.create(model=TITAN, input=[[15339, 1917]]).data[0].embedding == text


def test_an_input_type(client: OpenAI, emulator: Emulator) -> None:
    client.embeddings.create(model=COHERE, input="alpha", extra_body={"input_type": "search_query"})
    assert sent(emulator)[0]["input_type"] == "search_query"


def test_an_image(client: OpenAI) -> None:
    picture: Any = [{"type": "image_url", "image_url": {"url": data_url(png(), "image/png")}}]
    reply = client.embeddings.create(model="amazon.titan-embed-image-v1", input=picture)
    assert len(reply.data[0].embedding) == 1024


@pytest.mark.parametrize("wrong", ["", [], [""], [[]], {"a": 1}, [1, "a"]])
def test_a_wrong_input(client: OpenAI, wrong: Any) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model=TITAN, input=wrong)
    kind, _, param = problem(raised.value)
    assert kind == "invalid_request_error"
    assert param is not None
    assert param.startswith("input")


def test_a_chat_model_does_not_embed(client: OpenAI) -> None:
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as raised:
        client.embeddings.create(model="amazon.nova-lite-v1:0", input="alpha")
    assert problem(raised.value)[2] == "model"


def test_what_was_ignored_is_told(client: OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model=TITAN, input="alpha", user="me")
    assert raw.headers["x-gateway-model"] == TITAN
    assert raw.headers["x-gateway-ignored"] == "user"


async def test_the_async_client(async_client: AsyncOpenAI) -> None:
    reply = await async_client.embeddings.create(model=TITAN, input=["alpha", "beta"])
    assert [len(each.embedding) for each in reply.data] == [1024, 1024]
