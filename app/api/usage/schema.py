"""OpenAI's usage and costs API: the routes, their parameters, what they send. Source: openai-python 3.52,
`types/admin/organization/usage_*`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from app.core.windows import DAY, HOUR

WHO = ("project_id", "user_id", "api_key_id")
HOURS_AND_DAYS = {DAY: (7, 31), HOUR: (24, 168)}
"""Width of a bucket in seconds -> how many make a page by default, and at most."""


@dataclass(frozen=True, slots=True)
class Report:
    """One route. `kind`: of the rollups it tells of, empty for all. `groups`: for `group_by`; `filters`: lists of values."""

    name: str
    kind: str
    result: str
    groups: tuple[str, ...]
    filters: tuple[str, ...]
    batch: bool = False


_FILTERS = ("project_ids", "user_ids", "api_key_ids")
_TOKENS = (*WHO, "model", "batch", "service_tier", "api_source")


def _report(
    name: str, groups: tuple[str, ...], filters: tuple[str, ...], result: str = "", batch: bool = False
) -> Report:
    return Report(name, name, f"organization.usage.{result or name}.result", groups, filters, batch)


REPORTS = {
    each.name: each
    for each in (
        _report("completions", _TOKENS, (*_FILTERS, "models"), batch=True),
        _report("decisions", _TOKENS, (*_FILTERS, "models"), batch=True),
        _report("embeddings", (*WHO, "model"), (*_FILTERS, "models")),
        _report("moderations", (*WHO, "model"), (*_FILTERS, "models")),
        _report("images", (*WHO, "model", "size", "source"), (*_FILTERS, "models", "sizes", "sources")),
        _report("audio_speeches", (*WHO, "model"), (*_FILTERS, "models")),
        _report("audio_transcriptions", (*WHO, "model"), (*_FILTERS, "models")),
        _report("vector_stores", ("project_id",), ("project_ids",)),
        _report("code_interpreter_sessions", ("project_id",), ("project_ids",)),
        _report("file_search_calls", (*WHO, "vector_store_id"), (*_FILTERS, "vector_store_ids"), "file_searches"),
        _report(
            "web_search_calls",
            (*WHO, "model", "context_level", "api_source"),
            (*_FILTERS, "models", "context_levels"),
            "web_searches",
        ),
        Report(
            "costs",
            "",
            "organization.costs.result",
            (*WHO, "line_item", "api_source"),
            ("project_ids", "api_key_ids", "line_items"),
        ),
    )
}
"""Of all these, the gateway has completions, embeddings and moderations to tell of; the rest are always empty."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A decoded query. All times are epoch seconds on whole hours, of costs on whole days; `end` is exclusive.

    `begin`: where this page begins. `filters`: only these values of the field; `batch`: only such, or only others.
    """

    report: Report
    width: int
    start: int
    end: int
    begin: int
    limit: int
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, frozenset[str]], ...] = ()
    batch: bool | None = None


class AmountBody(TypedDict):
    value: float
    currency: Literal["usd"]


class BucketBody(TypedDict):
    """`results` are empty where nothing was used."""

    object: Literal["bucket"]
    start_time: int
    end_time: int
    results: list[dict[str, Any]]


class PageBody(TypedDict):
    object: Literal["page"]
    data: list[BucketBody]
    has_more: bool
    next_page: str | None
