"""Prompt caching: which prefix of a request is read, which is written, and what that does to its usage."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from local.behaviour import tokens
from local.behaviour.prompt import Body, block_weight, input_weight
from local.models import ModelFacts

_LOOKBACK = 20
_SECONDS = {"5m": 300.0, "1h": 3600.0}
_REMEMBERED = 10_000


@dataclass(slots=True)
class InputUsage:
    """Input tokens by price: fresh ones, read from the cache, and written to it by time to live."""

    fresh: int
    read: int = 0
    written: dict[str, int] = field(default_factory=dict)

    def fields(self, output_tokens: int, with_cache: bool) -> dict[str, Any]:
        """`usage` on the wire; `inputTokens` leaves out what the cache served or took in."""
        write = sum(self.written.values())
        usage: dict[str, Any] = {
            "inputTokens": self.fresh,
            "outputTokens": output_tokens,
            "totalTokens": self.fresh + self.read + write + output_tokens,
        }
        if with_cache:
            usage |= {
                "cacheReadInputTokens": self.read,
                "cacheWriteInputTokens": write,
                "cacheReadInputTokenCount": self.read,
                "cacheWriteInputTokenCount": write,
                "cacheDetails": [
                    {"ttl": ttl, "inputTokens": self.written[ttl]} for ttl in ("1h", "5m") if self.written.get(ttl)
                ],
            }
        return usage


@dataclass(slots=True)
class _Boundary:
    """The prefix that ends after one block: its hash, its tokens, and the ttl of a cachePoint that stands there."""

    digest: bytes
    size: int
    ttl: str | None = None


class CacheLedger:
    """The prefixes that were written, with the time at which they go."""

    def __init__(self) -> None:
        self._expiry: OrderedDict[bytes, float] = OrderedDict()

    def clear(self) -> None:
        """Forgets every prefix."""
        self._expiry.clear()

    def charge(self, facts: ModelFacts, body: Body) -> InputUsage:
        """Input usage of a request; remembers what it writes. Prefixes below the model's minimum do not count."""
        total = max(1, tokens.estimate(input_weight(body)))
        if facts.cache_minimum is None:
            return InputUsage(total)
        boundaries = list(_boundaries(facts, body))
        points = [at for at, boundary in enumerate(boundaries)
                  if boundary.ttl and boundary.size >= facts.cache_minimum]  # fmt: skip
        if not points:
            return InputUsage(total)
        read = self._read(boundaries, points)
        written = self._write(boundaries, points, read)
        return InputUsage(max(0, total - read - sum(written.values())), read, written)

    def _read(self, boundaries: list[_Boundary], points: list[int]) -> int:
        """Tokens of the longest known prefix within the look-back of a cachePoint."""
        now = monotonic()
        for point in reversed(points):
            for at in range(point, max(-1, point - _LOOKBACK), -1):
                if self._expiry.get(boundaries[at].digest, 0) > now:
                    return boundaries[at].size
        return 0

    def _write(self, boundaries: list[_Boundary], points: list[int], read: int) -> dict[str, int]:
        now, charged = monotonic(), read
        written: dict[str, int] = {}
        for point in points:
            boundary = boundaries[point]
            ttl = boundary.ttl or "5m"
            if boundary.size > charged:
                written[ttl] = written.get(ttl, 0) + boundary.size - charged
                charged = boundary.size
            self._expiry[boundary.digest] = now + _SECONDS[ttl]
        while len(self._expiry) > _REMEMBERED:
            self._expiry.popitem(last=False)
        return written


def has_points(body: Body) -> bool:
    """Whether the request has a cachePoint anywhere."""
    return any("cachePoint" in block for block in _blocks(body))


def _blocks(body: Body) -> Iterator[Body]:
    yield from (body.get("toolConfig") or {}).get("tools") or []
    yield from body.get("system") or []
    for message in body.get("messages") or []:
        yield from message["content"]


def _boundaries(facts: ModelFacts, body: Body) -> Iterator[_Boundary]:
    """The boundaries in cache order: tools, system, messages. A cachePoint marks the block before it."""
    if not has_points(body):
        return
    running = hashlib.blake2b(facts.id.encode(), digest_size=16)
    characters = 0
    latest: _Boundary | None = None
    for block in _blocks(body):
        if "cachePoint" in block:
            if latest is not None:
                latest.ttl = block["cachePoint"].get("ttl", "5m")
            continue
        if latest is not None:
            yield latest
        running.update(json.dumps(block, sort_keys=True).encode())
        characters += block_weight(block)
        latest = _Boundary(running.copy().digest(), tokens.estimate(characters))
    if latest is not None:
        yield latest
