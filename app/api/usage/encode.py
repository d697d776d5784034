"""Sums by bucket -> the body of a usage or costs route. Pure."""

from __future__ import annotations

from typing import Any

from app.api.usage.decode import cursor
from app.api.usage.schema import AmountBody, Asked, BucketBody, PageBody
from app.api.usage.sums import Bucket, Group, Line
from app.core.access import NANOS
from app.core.rollup import Counters


def encode(asked: Asked, buckets: list[Bucket]) -> PageBody:
    more = buckets[-1].end < asked.end
    return PageBody(
        object="page",
        data=[_bucket(asked, bucket) for bucket in buckets],
        has_more=more,
        next_page=cursor(asked, buckets[-1].end) if more else None,
    )


def _bucket(asked: Asked, bucket: Bucket) -> BucketBody:
    """Results in the order of their groups, so that the same usage gives the same answer."""
    if asked.report.kind:
        results = [_usage(asked, group, bucket.usage[group]) for group in sorted(bucket.usage, key=_order)]
    else:
        results = [_cost(asked, group, bucket.costs[group]) for group in sorted(bucket.costs, key=_order)]
    return BucketBody(object="bucket", start_time=bucket.start, end_time=bucket.end, results=results)


def _usage(asked: Asked, group: Group, counters: Counters) -> dict[str, Any]:
    prompt = counters.input + counters.cache_read + counters.cache_write
    numbers = {"input_tokens": prompt, "num_model_requests": counters.requests - counters.refused}
    if asked.report.kind in ("completions", "decisions"):
        numbers |= _completions(counters)
    return {"object": asked.report.result} | numbers | _named(asked, group)


def _completions(counters: Counters) -> dict[str, int]:
    """Bedrock does not tell tokens of images, audio and text apart: all of them count as text."""
    return {
        "output_tokens": counters.output,
        "input_cached_tokens": counters.cache_read,
        "input_cache_write_tokens": counters.cache_write,
        "input_uncached_tokens": counters.input,
        "input_text_tokens": counters.input,
        "input_cached_text_tokens": counters.cache_read,
        "output_text_tokens": counters.output,
        "input_audio_tokens": 0,
        "input_cached_audio_tokens": 0,
        "output_audio_tokens": 0,
        "input_image_tokens": 0,
        "input_cached_image_tokens": 0,
        "output_image_tokens": 0,
    }


def _cost(asked: Asked, group: Group, line: Line) -> dict[str, Any]:
    """A quantity belongs to a line item; of several kinds of tokens together it would say nothing."""
    quantity = line.quantity if "line_item" in asked.group_by else None
    return {
        "object": asked.report.result,
        "amount": AmountBody(value=line.nanos / NANOS, currency="usd"),
        "quantity": quantity,
        "quantity_unit": None if quantity is None else "tokens",
    } | _named(asked, group)


def _named(asked: Asked, group: Group) -> dict[str, Any]:
    """The dimensions of the route: null where they are not grouped by."""
    return dict.fromkeys(asked.report.groups) | dict(zip(asked.group_by, group, strict=True))


def _order(group: Group) -> tuple[str, ...]:
    return tuple(["" if value is None else str(value) for value in group])
