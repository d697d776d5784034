"""A model asked through the gateway, with the bill: what the answers' own usage comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.canary.client import Answer, Gateway, Stream
from app.canary.errors import Declined, Failed, Refused
from app.canary.prices import Price

_CHAT = "v1/chat/completions"


class Probe:
    """What a check is given. Each method makes one request; Failed and Refused as at the client, Declined for a 429."""

    def __init__(self, gateway: Gateway, model: str, price: Price) -> None:
        self.model = model
        self.redact: Callable[[str], str] = gateway.redact
        self._gateway = gateway
        self._price = price
        self._billed = 0
        self._certain = True

    def cost(self, estimate: int) -> int:
        """Microcents spent. Where an answer told no usage it may have cost anything: then the estimate at least."""
        return self._billed if self._certain else max(estimate, self._billed)

    def chat(self, **fields: Any) -> Answer:
        with self._billing() as usages:
            answer = self._gateway.post(_CHAT, {"model": self.model} | fields)
            usages.append(answer.body.get("usage"))
        return answer

    def stream(self, **fields: Any) -> Stream:
        body = {"model": self.model, "stream": True, "stream_options": {"include_usage": True}} | fields
        with self._billing() as usages:
            stream = self._gateway.stream(_CHAT, body)
            usages.extend(usage for _, chunk in stream.chunks if (usage := chunk.get("usage")))
        return stream

    def embed(self, text: str) -> Answer:
        with self._billing() as usages:
            answer = self._gateway.post("v1/embeddings", {"model": self.model, "input": text})
            usages.append(answer.body.get("usage"))
        return answer

    @contextmanager
    def _billing(self) -> Iterator[list[Any]]:
        """Prices the last usage that is put into the list; a request that Bedrock or the gateway refused is free."""
        usages: list[Any] = []
        try:
            yield usages
        except Refused as refusal:
            if refusal.status >= 500:
                self._certain = False
            if refusal.status == 429:
                raise Declined(f"throttled: {refusal}") from None
            raise
        except Failed:
            self._certain = False
            raise
        cost = self._price.of(usages[-1]) if usages else None
        if cost is None:
            self._certain = False
        else:
            self._billed += cost
