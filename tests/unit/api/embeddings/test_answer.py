"""Body in, answer out, with a fake embedder."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from app.api.embeddings.answer import answer
from app.core.ports import Call, Caller, EmbeddingRequest, Embeddings
from app.errors import InvalidRequest


class Lengths:
    """Each vector is the length of its text."""

    def __init__(self) -> None:
        self.asked: list[EmbeddingRequest] = []

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        self.asked.append(request)
        return Embeddings([[float(len(item.text))] for item in request.items], 3, "upstream")


class Tokens:
    def __init__(self) -> None:
        self.threads: list[str] = []

    def decode(self, tokens: Sequence[int]) -> str:
        self.threads.append(threading.current_thread().name)
        return "x" * len(tokens)


async def ask(body: Any, call: Call | None = None, tokens: Tokens | None = None) -> Any:
    call = call or Call("req_1", Caller("key"), "embeddings")
    return await answer(body, call, embedder=Lengths(), tokens=tokens or Tokens(), max_inputs=2048)


async def test_one_vector_per_input_under_the_clients_model_name() -> None:
    body = await ask({"model": "text-embedding-3-small", "input": ["a", "bcd"]})
    assert [entry["embedding"] for entry in body["data"]] == [[1.0], [3.0]]
    assert body["model"] == "text-embedding-3-small"
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


async def test_a_full_list_keeps_its_order() -> None:
    body = await ask({"model": "m", "input": ["x" * (n + 1) for n in range(2048)]})
    assert [entry["embedding"] for entry in body["data"]] == [[n + 1.0] for n in range(2048)]
    assert [entry["index"] for entry in body["data"]] == list(range(2048))


async def test_token_numbers_are_decoded_off_the_event_loop() -> None:
    tokens = Tokens()
    body = await ask({"model": "m", "input": [[1, 2, 3], [4]]}, tokens=tokens)
    assert [entry["embedding"] for entry in body["data"]] == [[3.0], [1.0]]
    assert threading.current_thread().name not in tokens.threads


async def test_the_receipt_tells_what_was_ignored() -> None:
    call = Call("req_1", Caller("key"), "embeddings")
    await ask({"model": "m", "input": "a", "user": "me", "store": True}, call)
    assert list(call.receipt.ignored) == ["user", "store"]
    assert call.model == "m"


async def test_a_mistake_costs_no_call() -> None:
    embedder = Lengths()
    with pytest.raises(InvalidRequest):
        await answer(
            {"model": "m", "input": [""]},
            Call("req_1", Caller("key"), "embeddings"),
            embedder=embedder,
            tokens=Tokens(),
            max_inputs=1,
        )
    assert embedder.asked == []
