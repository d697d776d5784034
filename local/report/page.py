"""The report as a page for a person. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from app.core.counting import SHORT, UNSETTLED, percentile
from app.core.rollup import Counters, UsageRow
from local.report.groups import Names, grouped, premium_shorts, total
from local.report.text import WIDTH, clipped, count, printable, seconds, share, table, usd

MOST_LINES = 20
"""Of a table on the page; `--by` shows all."""

_HEAD = ("requests", "tokens", "cost", "each", "errors", "429s", "p50 s", "p95 s", "first s")
_LEGEND = (
    "tokens: of all kinds. each: cost per request. errors: share of the requests.",
    "429s: throttled by Bedrock or by a rate limit. p50, p95: time of the whole answer. first: p50 of",
    "the time to the first token. These times are off by a quarter at most.",
)
_TITLES = {
    "project": "Projects",
    "key": "Keys",
    "model": "Models called",
    "asked": "Aliases, and the models that served them",
    "day": "Days (UTC)",
    "tag": "Tags (a request counts under each of its tags)",
    "user": "Users",
    "tier": "Service tiers and traffic",
}


def page(rows: Sequence[UsageRow], names: Names, is_premium: Callable[[str], bool], title: str) -> Iterator[str]:
    """The whole report, line by line."""
    yield title
    if not rows:
        yield "No usage."
        return
    yield ""
    yield from _totals(total(rows))
    for by in ("project", "key", "model", "asked", "day"):
        sums = grouped(rows, by, names)
        if sums:
            yield ""
            yield from section(by, sums, most=400 if by == "day" else MOST_LINES)
    yield from _unpriced(rows)
    yield from _unsettled(rows)
    yield from _premium(premium_shorts(rows, is_premium))
    yield ""
    yield from _LEGEND


def section(by: str, sums: Mapping[str, Counters], most: int = 1_000_000) -> Iterator[str]:
    """One table; what is beyond `most` lines is one line."""
    yield _TITLES[by]
    first, others = list(sums.items())[:most], list(sums.values())[most:]
    if others:
        rest = Counters()
        for each in others:
            rest.add(each)
        first.append((f"({len(others)} more: --by {by})", rest))
    lines = [_line(printable(name) + _mark(by, each), each) for name, each in first]
    yield from table(("", *_HEAD), lines)


def _mark(by: str, counters: Counters) -> str:
    return " *" if counters.unpriced and by in ("model", "asked") else ""


def _line(name: str, sums: Counters) -> tuple[str, ...]:
    return (
        name,
        count(sums.requests),
        count(sums.tokens),
        usd(sums.cost),
        usd(sums.cost // sums.requests) if sums.requests else "",
        share(sums.errors, sums.requests),
        count(sums.throttles) if sums.throttles else "",
        seconds(percentile(sums.latency, 0.5)),
        seconds(percentile(sums.latency, 0.95)),
        seconds(percentile(sums.first_token, 0.5)),
    )


def _totals(sums: Counters) -> Iterator[str]:
    each = f", {usd(sums.cost // sums.requests)} per request" if sums.requests else ""
    yield f"Spend      {usd(sums.cost)}{each}"
    yield f"           input {usd(sums.cost_input)}, output {usd(sums.cost_output)}, other {usd(sums.cost_other)}"
    yield f"           cache read {usd(sums.cost_cache_read)}, cache write {usd(sums.cost_cache_write)}"
    yield (
        f"Requests   {sums.requests:,}, errors {sums.errors:,} ({share(sums.errors, sums.requests) or '0 %'}), "
        f"throttled {sums.throttles:,}"
    )
    prompt = sums.input + sums.cache_read + sums.cache_write
    yield (
        f"Tokens     input {count(prompt)} ({share(sums.cache_read, prompt) or '0 %'} from the prompt cache), "
        f"output {count(sums.output)}"
    )
    yield f"Latency    {_latency(sums.latency)}; first token {_latency(sums.first_token)}"
    if sums.cache_hits:
        yield f"Cache      {sums.cache_hits:,} answers from the response cache saved {usd(sums.saved)}"


def _latency(histogram: Mapping[int, int]) -> str:
    if not histogram:
        return "unknown"
    return f"p50 {seconds(percentile(histogram, 0.5))} s, p95 {seconds(percentile(histogram, 0.95))} s"


def _unpriced(rows: Iterable[UsageRow]) -> Iterator[str]:
    sums = grouped([row for row in rows if row.total.unpriced], "model", Names())
    if sums:
        yield ""
        yield "* Models without a price, charged the ceiling (PRICE_CEILING). To give them one: docs/prices.md"
        for name, counters in sums.items():
            yield clipped(f"  {counters.unpriced:,} requests: {printable(name)}", WIDTH)


def _unsettled(rows: Iterable[UsageRow]) -> Iterator[str]:
    sums = total(row for row in rows if row.dimensions.model == UNSETTLED)
    if sums.unsettled or sums.cost:
        yield ""
        yield (
            f"Requests that were never heard of again, charged at their estimate: {sums.unsettled:,}, "
            f"{usd(sums.cost)} in all."
        )


def _premium(sums: Mapping[str, Counters]) -> Iterator[str]:
    if not sums:
        return
    yield ""
    yield f"Premium models for short answers (under {SHORT} output tokens), by tag"
    lines = [
        (
            printable(tag),
            count(each.requests),
            count(each.short),
            share(each.short, each.requests),
            usd(each.cost_short),
            share(each.cost_short, each.cost),
        )
        for tag, each in list(sums.items())[:MOST_LINES]
    ]
    yield from table(("", "requests", "short", "share", "their cost", "of the tag's"), lines)
