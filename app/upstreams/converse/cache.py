"""Where cache points stand: the client's own, or the gateway's; at most four, never where the model refuses one.

A checkpoint pays when the same prefix comes again. In a conversation that is: after the tools, after the system prompt,
at the end of the last user turn and at the end of the one before, which the next request and this one will read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.upstreams.converse.messages import cache_point

MAX_POINTS = 4
Block = dict[str, Any]


def place_cache_points(
    body: dict[str, Any], *, explicit: bool, auto: bool, tools: bool, ttl: str, one_hour: bool
) -> None:
    """Bring the cache points of a Converse body in order, in place.

    `explicit`: the client's own are kept; `auto`: where it has none, the gateway's are added; `tools`: also behind
    tools; `one_hour`: the model takes `ttl: 1h`.
    """
    kept = _drop_misplaced(body, explicit)
    if auto and not kept:
        _add(body, tools, ttl)
    _limit(body)
    _order(body, one_hour)


def _lists(body: dict[str, Any]) -> Iterator[list[Block]]:
    """Every list that may hold a cache point, in the order in which the cache reads them."""
    config = body.get("toolConfig")
    if config is not None:
        yield config["tools"]
    if "system" in body:
        yield body["system"]
    for message in body["messages"]:
        yield message["content"]


def _drop_misplaced(body: dict[str, Any], allowed: bool) -> int:
    """Take out points that are refused anywhere: at the start, after another, after reasoning. How many stay."""
    left = 0
    for blocks in _lists(body):
        kept: list[Block] = []
        for block in blocks:
            if "cachePoint" in block and (
                not allowed or not kept or "cachePoint" in kept[-1] or "reasoningContent" in kept[-1]
            ):
                continue
            left += "cachePoint" in block
            kept.append(block)
        blocks[:] = kept
    return left


def _add(body: dict[str, Any], tools: bool, ttl: str) -> None:
    config = body.get("toolConfig")
    if tools and config is not None and "toolSpec" in config["tools"][-1]:
        config["tools"].append(cache_point(ttl))
    if body.get("system"):
        body["system"].append(cache_point(ttl))
    turns = [message for message in body["messages"] if message["role"] == "user"]
    for message in turns[-2:]:
        message["content"].append(cache_point(ttl))


def _limit(body: dict[str, Any]) -> None:
    """More than four is a 400. Those that go are the earliest in the messages: the later ones cover them."""
    lists = list(_lists(body))
    excess = sum("cachePoint" in block for blocks in lists for block in blocks) - MAX_POINTS
    if excess <= 0:
        return
    in_messages = [message["content"] for message in body["messages"]]
    for blocks in (*in_messages, *lists):
        kept: list[Block] = []
        for block in blocks:
            if excess > 0 and "cachePoint" in block:
                excess -= 1
            else:
                kept.append(block)
        blocks[:] = kept


def _order(body: dict[str, Any], one_hour: bool) -> None:
    """A longer ttl must come before a shorter one: what stands before an hour's point is kept for an hour too."""
    points = [block["cachePoint"] for blocks in _lists(body) for block in blocks if "cachePoint" in block]
    hour = False
    for point in reversed(points):
        if not one_hour:
            point.pop("ttl", None)
        elif point.get("ttl") == "1h":
            hour = True
        elif hour:
            point["ttl"] = "1h"
