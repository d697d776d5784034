"""Fan-out: order, bounds, the first error, token counts, and what the receipt says."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.plan import Target, Traits
from app.core.ports import Call, Caller, Embedder, EmbeddingItem, EmbeddingRequest
from app.core.prompt import Blob
from app.errors import GatewayError, InvalidRequest, RateLimited, UpstreamFailure
from app.upstreams.invoke.embedder import TOKENS_HEADER, InvokeEmbedder

TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"

Answer = tuple[bytes, Mapping[str, str]]


async def resolve(name: str) -> Target:
    return Target(name, COHERE if name == PROFILE else name.removeprefix("us."), Traits())


def call() -> Call:
    return Call("req_1", Caller("key"), "embeddings")


def texts(*words: str) -> tuple[EmbeddingItem, ...]:
    return tuple(EmbeddingItem(word) for word in words)


def numbered(body: dict[str, Any]) -> dict[str, Any]:
    """A plausible answer whose vectors are the numbers that the texts spell."""
    if "texts" in body:
        return {"embeddings": {"float": [[float(text)] for text in body["texts"]]}}
    if "images" in body:
        return {"embeddings": {"float": [[-1.0] for _ in body["images"]]}}
    if "inputText" in body:
        return {"embedding": [float(body["inputText"])], "inputTextTokenCount": 2}
    return {"embeddings": [{"embedding": [float(body["singleEmbeddingParams"]["text"]["value"])]}]}


class Upstream:
    """Bodies come in; the answers go out in a random order."""

    def __init__(self, seed: int = 0, headers: Mapping[str, str] | None = None) -> None:
        self.random = random.Random(seed)
        self.headers = headers or {}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.now = self.most = self.cancelled = 0
        self.raw: bytes | None = None
        self.fail_on = ""
        self.full, self.full_at = asyncio.Event(), 0

    async def invoke(
        self, model_id: str, body: bytes, region: str = "", metadata: Mapping[str, str] | None = None
    ) -> Answer:
        document = json.loads(body)
        self.sent.append((model_id, document))
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == self.full_at:
            self.full.set()
        try:
            for _ in range(self.random.randrange(8)):
                await asyncio.sleep(0)
            if self.fail_on and document.get("inputText") == self.fail_on:
                raise RateLimited("slow down")
            if self.fail_on:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now -= 1
        return self.raw if self.raw is not None else json.dumps(numbered(document)).encode(), self.headers


def embedder(invoke: Callable[[str, bytes, str, Mapping[str, str]], Awaitable[Answer]], **options: Any) -> Embedder:
    return InvokeEmbedder(resolve, invoke, **options)


@given(
    model=st.sampled_from([TITAN, COHERE, NOVA, "us." + COHERE]),
    count=st.integers(1, 300),
    parallel=st.integers(1, 12),
    seed=st.integers(),
)
def test_vectors_come_in_the_order_of_the_inputs(model: str, count: int, parallel: int, seed: int) -> None:
    upstream = Upstream(seed)
    request = EmbeddingRequest(model, texts(*map(str, range(count))))
    result = asyncio.run(embedder(upstream.invoke, parallel=parallel).embed(request, call()))
    assert [list(vector) for vector in result.vectors] == [[float(n)] for n in range(count)]
    assert upstream.most <= parallel
    assert {model_id for model_id, _ in upstream.sent} == {model}


async def test_a_full_list_takes_as_few_calls_as_the_model_allows() -> None:
    upstream = Upstream()
    request = EmbeddingRequest(COHERE, texts(*map(str, range(2048))))
    result = await embedder(upstream.invoke).embed(request, call())
    assert len(result.vectors) == 2048
    assert len(upstream.sent) == 22
    assert upstream.most == 8


async def test_texts_and_images_may_be_mixed() -> None:
    image = EmbeddingItem(image=Blob("iVBORw0KGgoAAAAN", 12))
    request = EmbeddingRequest(COHERE, (*texts("1"), image, *texts("2"), image))
    result = await embedder(Upstream().invoke).embed(request, call())
    assert [list(vector) for vector in result.vectors] == [[1.0], [-1.0], [2.0], [-1.0]]


async def test_the_first_error_cancels_the_rest_and_is_the_answer() -> None:
    upstream = Upstream()
    upstream.fail_on = "3"
    request = EmbeddingRequest(TITAN, texts(*map(str, range(100))))
    with pytest.raises(RateLimited):
        await embedder(upstream.invoke, parallel=8).embed(request, call())
    assert len(upstream.sent) == 8
    assert upstream.cancelled == 7
    assert upstream.now == 0


async def test_a_client_that_goes_away_cancels_all_calls() -> None:
    upstream = Upstream()
    upstream.fail_on, upstream.full_at = "none", 4
    request = EmbeddingRequest(TITAN, texts(*map(str, range(20))))
    task = asyncio.create_task(embedder(upstream.invoke, parallel=4).embed(request, call()))
    await upstream.full.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upstream.cancelled == 4


@pytest.mark.parametrize(
    ("model", "headers", "tokens"),
    [
        (TITAN, {TOKENS_HEADER: "50"}, 4),  # the body's own count goes first
        (NOVA, {TOKENS_HEADER: "50"}, 100),
        (NOVA, {TOKENS_HEADER: "many"}, 3),
        (NOVA, {TOKENS_HEADER: "²"}, 3),
        (NOVA, {}, 3),
        (COHERE, {TOKENS_HEADER: "9"}, 9),
        (COHERE, {}, 3),
    ],
)
async def test_tokens_are_the_models_count_else_the_headers_else_a_guess(
    model: str, headers: dict[str, str], tokens: int
) -> None:
    request = EmbeddingRequest(model, texts("1", "12345"))
    result = await embedder(Upstream(headers=headers).invoke).embed(request, call())
    assert result.tokens == tokens


async def test_an_application_profile_is_called_by_its_arn_in_its_base_models_format() -> None:
    upstream, mine = Upstream(), call()
    result = await embedder(upstream.invoke).embed(EmbeddingRequest(PROFILE, texts("1")), mine)
    assert upstream.sent[0][0] == PROFILE
    assert "texts" in upstream.sent[0][1]
    assert (result.model, mine.receipt.model) == (PROFILE, "cohere.embed-v4:0")  # an ARN holds an account number


async def test_a_chat_model_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"'anthropic\.claude-opus-5' is not an embedding model") as raised:
        await embedder(Upstream().invoke).embed(EmbeddingRequest("anthropic.claude-opus-5", texts("1")), call())
    assert raised.value.param == "model"


async def test_a_chat_model_behind_an_arn_is_refused_without_the_arn() -> None:
    arn = PROFILE.replace("abc", "chat")
    with pytest.raises(InvalidRequest) as raised:
        await embedder(Upstream().invoke).embed(EmbeddingRequest(arn, texts("1")), call())
    assert "123456789012" not in raised.value.message


async def test_what_had_no_effect_is_in_the_receipt() -> None:
    mine = call()
    await embedder(Upstream().invoke).embed(EmbeddingRequest(TITAN, texts("1"), input_type="query"), mine)
    assert list(mine.receipt.ignored) == ["input_type"]


async def test_strict_refuses_what_would_have_no_effect_before_anything_is_paid_for() -> None:
    upstream = Upstream()
    with pytest.raises(InvalidRequest) as raised:
        await embedder(upstream.invoke, strict=True).embed(
            EmbeddingRequest(TITAN, texts("1"), input_type="query"), call()
        )
    assert (raised.value.param, raised.value.code) == ("input_type", "unsupported_parameter")
    assert upstream.sent == []
    await embedder(upstream.invoke, strict=True).embed(EmbeddingRequest(TITAN, texts("1")), call())


@pytest.mark.parametrize("raw", [b"", b"<html>", b"{}", b"null", b'{"embeddings": {"float": [[1.0], [2.0]]}}', b"\xff"])
async def test_a_broken_answer_is_a_bad_gateway(raw: bytes) -> None:
    upstream = Upstream()
    upstream.raw = raw
    with pytest.raises(UpstreamFailure) as raised:
        await embedder(upstream.invoke).embed(EmbeddingRequest(COHERE, texts("1")), call())
    assert raised.value.status == 502


async def test_a_lone_surrogate_in_a_text_does_not_break_the_request() -> None:
    sent: list[bytes] = []

    async def invoke(model_id: str, body: bytes, region: str, metadata: Mapping[str, str]) -> Answer:
        sent.append(body)
        return b'{"embedding": [1.0]}', {}

    await embedder(invoke).embed(EmbeddingRequest(TITAN, texts("a\ud800é")), call())
    assert json.loads(sent[0])["inputText"] == "a?é"


async def test_half_a_character_in_a_repeated_input_does_not_break_the_answer() -> None:
    async def invoke(model_id: str, body: bytes, region: str, metadata: Mapping[str, str]) -> Answer:
        return rb'{"embeddings": {"float": [[1.0]]}, "texts": ["a\ud83d"]}', {}

    result = await embedder(invoke).embed(EmbeddingRequest(COHERE, texts("a")), call())
    assert len(result.vectors) == 1


async def test_an_error_of_the_upstream_stays_what_it_was() -> None:
    problem = GatewayError("x", status=418)

    async def invoke(model_id: str, body: bytes, region: str, metadata: Mapping[str, str]) -> Answer:
        raise problem

    with pytest.raises(GatewayError) as raised:
        await embedder(invoke).embed(EmbeddingRequest(TITAN, texts("1")), call())
    assert raised.value is problem


async def test_the_receipt_knows_the_tokens_of_what_was_made_before_a_failure() -> None:
    async def invoke(model_id: str, body: bytes, region: str, metadata: Mapping[str, str]) -> Answer:
        if json.loads(body)["inputText"] == "3":
            raise InvalidRequest("odd")
        return json.dumps(numbered(json.loads(body))).encode(), {}

    of = call()
    with pytest.raises(InvalidRequest):
        await InvokeEmbedder(resolve, invoke, parallel=1).embed(EmbeddingRequest(TITAN, texts("1", "2", "3")), of)
    assert of.receipt.tokens == 4
