"""Rules about cachePoint blocks: who takes them, where, how many, and in which order of time to live."""

from collections.abc import Iterator
from itertools import pairwise

from local.rules.asked import Asked, Block, model_says

_MOST = 4
_REFUSED = (
    "You invoked an unsupported model or your request did not allow prompt caching. "
    "See the documentation for more information."
)


def broken(asked: Asked) -> Iterator[str]:
    """Violations among the cachePoints of tools, system and messages."""
    points = [block["cachePoint"] for block in _all_blocks(asked) if "cachePoint" in block]
    if not points:
        return
    if asked.facts.cache_minimum is None:
        yield _REFUSED
        return
    if any("cachePoint" in tool for tool in asked.tools) and not asked.facts.cache_tools:
        yield "This model doesn't support the cachePoint field in toolConfig. Remove cachePoint and try again."
    if len(points) > _MOST:
        yield model_says(f"A maximum of {_MOST} blocks with cache_control may be provided. Found {len(points)}.")
    ttls = [point.get("ttl") for point in points]
    if not asked.facts.cache_hour and any(ttls):
        yield "This model doesn't support the cachePoint.ttl field. Remove cachePoint.ttl and try again."
    if any(first in (None, "5m") and second == "1h" for first, second in pairwise(ttls)):
        yield model_says("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.")
    yield from _misplaced(asked)


def _all_blocks(asked: Asked) -> Iterator[Block]:
    """In the order in which the cache reads them."""
    yield from asked.tools
    yield from asked.body.get("system") or []
    for _path, _role, block in asked.blocks():
        yield block


def _misplaced(asked: Asked) -> Iterator[str]:
    sequences = [("toolConfig.tools", asked.tools), ("system", asked.body.get("system") or [])]
    sequences += [(f"messages.{number}.content", message["content"]) for number, message in enumerate(asked.messages)]
    for path, blocks in sequences:
        if blocks and "cachePoint" in blocks[0]:
            yield f"The cachePoint at {path}.0 must come after another block."
        for index, (before, block) in enumerate(pairwise(blocks), start=1):
            if "cachePoint" not in block:
                continue
            if "reasoningContent" in before:
                yield model_says(f"{path}.{index - 1}.thinking.cache_control: Extra inputs are not permitted")
            if "cachePoint" in before:
                yield f"The cachePoint at {path}.{index} must come after another block."
