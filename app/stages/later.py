"""Parts that are made when they are first needed: a function that only chats starts without them (10 ms, 2026-11)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from app.core.ports import Allowance, Call, Embedder, EmbeddingRequest, Embeddings, Fetcher
from app.core.prompt import Blob


class LaterEmbedder:
    """Implements Embedder."""

    def __init__(self, make: Callable[[], Embedder]) -> None:
        self._made = cache(make)

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        return await self._made().embed(request, call)


class LaterFetcher:
    """Implements Fetcher."""

    def __init__(self, make: Callable[[], Fetcher]) -> None:
        self._made = cache(make)

    async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
        return await self._made().fetch(url, param=param, allowance=allowance)
