"""One usage record per embeddings request, whatever becomes of it. Implements Embedder around another one."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.core.deadline import in_time
from app.core.events import Usage
from app.core.ports import Call, Embedder, EmbeddingRequest, Embeddings, Meter, Outcome, UsageRecord
from app.errors import GatewayError


class MeteredEmbedder:
    def __init__(self, inner: Embedder, meter: Meter, clock: Callable[[], float] = time.time) -> None:
        self._inner = inner
        self._meter = meter
        self._clock = clock

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        tokens = 0
        outcome: Outcome = "disconnected"
        failure: GatewayError | None = None
        try:
            embeddings = await in_time(self._inner.embed(request, call), call.deadline)
            tokens, outcome = embeddings.tokens, "ok"
            return embeddings
        except GatewayError as problem:
            outcome, failure = "error", problem
            raise
        except Exception:
            outcome = "error"
            raise
        finally:
            self._meter.record(self._record(call, outcome, failure, tokens))

    def _record(self, call: Call, outcome: Outcome, failure: GatewayError | None, tokens: int) -> UsageRecord:
        return UsageRecord(
            call=call,
            outcome=outcome,
            status=200 if outcome == "ok" else failure.status if failure else 500 if outcome == "error" else 499,
            error_code=(failure.code or failure.type) if failure else None,
            usage=Usage(input=tokens),
            tier="",
            finish=None,
            streamed=False,
            choices=1,
            first_token_ms=None,
            total_ms=round((self._clock() - call.started) * 1000),
        )
