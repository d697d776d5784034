"""Embeddings through InvokeModel: any number of inputs, in batches as the model takes them, several at once.

The families say what goes over the wire; here is only the effect. One failure ends the whole request: half a list of
vectors is of no use, and a client would pay for the other half twice.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pydantic_core import from_json  # five times as fast on lists of numbers as json.loads (measured, 2026-11)

from app.core.json_values import parse_or_mend
from app.core.plan import Target
from app.core.ports import Call, EmbeddingItem, EmbeddingRequest, Embeddings
from app.errors import InvalidRequest
from app.upstreams.invoke.embeddings import family_of
from app.upstreams.invoke.embeddings.family import Batch, Family, Options, Reply, choose, partition
from app.upstreams.invoke.embeddings.reading import misfit

TOKENS_HEADER = "x-amzn-bedrock-input-token-count"

Resolve = Callable[[str], Awaitable[Target]]
"""The client's model name -> the model; raises NotFound."""

Invoke = Callable[[str, bytes, str, Mapping[str, str]], Awaitable[tuple[bytes, Mapping[str, str]]]]
"""InvokeModel: model id, JSON body, region (empty for the gateway's own), request metadata (who asks; may be empty) -> the
response's body and headers (names in lower case); raises GatewayError."""


class InvokeEmbedder:
    """The port `Embedder`. `parallel`: upstream calls at once for one request.

    `strict`: raise InvalidRequest where a parameter would have no effect. `metadata`: what AWS's logs are to know of a call.
    """

    def __init__(
        self,
        resolve: Resolve,
        invoke: Invoke,
        *,
        parallel: int = 8,
        strict: bool = False,
        metadata: Callable[[Call], Mapping[str, str]] = lambda call: {},
    ) -> None:
        self._metadata = metadata
        self._resolve = resolve
        self._invoke = invoke
        self._parallel = parallel
        self._strict = strict

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        """One vector per item, in order. Tells the call's receipt which model was called and what had no effect.

        Raises InvalidRequest for what the model does not take, NotFound, and whatever the upstream calls raise.
        """
        target = request.target or await self._resolve(request.model)
        family = family_of(target.base_id)
        if family is None:
            raise _no_embedding_model(request.model)
        options, ignored = choose(family, request)
        call.receipt.model, call.receipt.target = target.shown, target
        call.receipt.ignore(*ignored)
        if self._strict and call.receipt.ignored:
            name = next(iter(call.receipt.ignored))
            raise InvalidRequest(
                f"Parameter {name!r} has no effect with this model.", param=name, code="unsupported_parameter"
            )
        batches = partition(family, request.items)
        metadata = self._metadata(call)

        async def one(batch: Batch) -> tuple[Reply, int]:
            reply, tokens = await self._one(target, family, options, batch, metadata)
            call.receipt.tokens += tokens  # paid, even where another batch fails and nobody gets any of it
            return reply, tokens

        replies = await self._fan_out(batches, one)
        vectors = {
            position: vector
            for batch, (reply, _) in zip(batches, replies, strict=True)
            for position, vector in zip(batch.positions, reply.vectors, strict=True)
        }
        ordered = [vectors[position] for position in range(len(request.items))]
        return Embeddings(ordered, sum(tokens for _, tokens in replies), target.model_id)

    async def _one(
        self, target: Target, family: Family, options: Options, batch: Batch, metadata: Mapping[str, str]
    ) -> tuple[Reply, int]:
        """One upstream call: the vectors of a batch, and its tokens."""
        document = family.encode(batch.items, options)
        # A lone surrogate, legal in JSON and in a Python string, has no UTF-8: it goes out as a question mark.
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        answer, headers = await self._invoke(target.model_id, body, target.region, metadata)
        try:
            parsed = parse_or_mend(answer, from_json)  # some models repeat the input
        except ValueError:
            raise misfit("not JSON") from None
        reply = family.decode(parsed)
        if len(reply.vectors) != len(batch.items):
            raise misfit(f"{len(reply.vectors)} embeddings for {len(batch.items)} inputs")
        return reply, _tokens(reply, headers, batch.items)

    async def _fan_out(
        self, batches: Sequence[Batch], work: Callable[[Batch], Awaitable[tuple[Reply, int]]]
    ) -> list[tuple[Reply, int]]:
        """The results in the order of the batches; the first error cancels what is under way, and is raised."""
        results: dict[int, tuple[Reply, int]] = {}
        waiting = iter(enumerate(batches))

        async def worker() -> None:
            for index, batch in waiting:
                results[index] = await work(batch)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._parallel, len(batches))):
                    group.create_task(worker())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [results[index] for index in range(len(batches))]


def _tokens(reply: Reply, headers: Mapping[str, str], items: Sequence[EmbeddingItem]) -> int:
    """What the model counted, else what Bedrock counted, else a guess: four characters a token, images none."""
    if reply.tokens is not None:
        return reply.tokens
    counted = headers.get(TOKENS_HEADER, "")
    if counted.isascii() and counted.isdigit():
        return int(counted)
    return sum(math.ceil(len(item.text) / 4) for item in items)


def _no_embedding_model(name: str) -> InvalidRequest:
    shown = "The requested model" if name.startswith("arn:") else f"The model {name[:128]!r}"
    return InvalidRequest(f"{shown} is not an embedding model that this gateway knows.", param="model")
