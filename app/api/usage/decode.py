"""The query of a usage or costs route. Pure."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import parse_qsl

from app.api.usage.schema import HOURS_AND_DAYS, Asked, Report
from app.core.windows import DAY, HOUR
from app.errors import InvalidRequest

MOST_VALUES = 1000
LATEST = 2**35
"""Seconds: the year 3058. What is later is no time that anybody means."""

_NAME = re.compile(r"([a-z_]{1,40})(?:\[[0-9]{0,4}\])?")
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_COMMAS = frozenset({"group_by", "project_ids", "api_key_ids", "models"})
"""Lists that may also come as `a,b`, as hands write them. What users and line items are called has commas in it."""
_WIDTHS = {"1d": DAY, "1h": HOUR}

Given = dict[str, list[str]]


def decode(query: bytes, report: Report, now: float) -> Asked:
    """The query string as it came, undecoded. Raises InvalidRequest.

    Lists may be written `name=a&name=b`, `name[]=a&name[]=b` (as the SDKs do), `name[0]=a`; blank values count as absent.
    """
    given = _given(query, report)
    width = _width(given, report)
    least = DAY if report.name == "costs" else HOUR
    start, end = _times(given, least, width, now)
    usual, most = (7, 180) if report.name == "costs" else HOURS_AND_DAYS[width]
    asked = Asked(
        report,
        width,
        start,
        end,
        start,
        _number(given, "limit", usual, 1, most),
        _groups(given, report),
        tuple((name, frozenset(given[name])) for name in report.filters if name in given),
        _batch(given),
    )
    page = _one(given, "page")
    return asked if page is None else _turned(asked, page)


def cursor(asked: Asked, begin: int) -> str:
    """What `next_page` says where the next page begins at `begin`."""
    text = f"{asked.report.name}:{asked.width}:{begin}"
    return "page_" + urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _given(query: bytes, report: Report) -> Given:
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), max_num_fields=MOST_VALUES)
    except ValueError:
        raise InvalidRequest(f"The query has more than {MOST_VALUES} values.", code="invalid_value") from None
    known = {"start_time", "end_time", "bucket_width", "limit", "page", "group_by", *report.filters}
    if report.batch:
        known.add("batch")
    given: Given = {}
    for written, value in pairs:
        found = _NAME.fullmatch(written)
        name = found[1] if found else ""
        if name not in known:
            shown = written[:64]
            raise InvalidRequest(f"Unknown parameter: {shown!r}.", param=shown, code="unknown_parameter")
        values = value.split(",") if name in _COMMAS else [value]
        given.setdefault(name, []).extend(filter(None, (each.strip() for each in values)))
    return {name: values for name, values in given.items() if values}


def _one(given: Given, name: str) -> str | None:
    values = given.get(name)
    if not values:
        return None
    if len(set(values)) > 1:
        raise _wrong(name, "is there more than once")
    return values[0]


def _number(given: Given, name: str, usual: int, least: int, most: int) -> int:
    text = _one(given, name)
    if text is None:
        return usual
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest(f"'{name}' must be a whole number.", param=name, code="invalid_type")
    if not least <= int(text) <= most:
        raise _wrong(name, f"must be from {least} to {most}")
    return int(text)


def _width(given: Given, report: Report) -> int:
    text = _one(given, "bucket_width") or "1d"
    if text == "1m" and report.name != "costs":
        raise InvalidRequest(
            "Usage is not kept by minute. Use a 'bucket_width' of '1h' or '1d'.",
            param="bucket_width",
            code="unsupported_value",
        )
    if text not in _WIDTHS or (report.name == "costs" and text != "1d"):
        raise _wrong("bucket_width", "must be '1d'" if report.name == "costs" else "must be '1h' or '1d'")
    return _WIDTHS[text]


def _times(given: Given, least: int, width: int, now: float) -> tuple[int, int]:
    """Widened to what is kept: hours, or days of costs. Without an `end_time`, the bucket of this moment is the last."""
    if "start_time" not in given:
        raise InvalidRequest(
            "Missing required parameter: 'start_time'.", param="start_time", code="missing_required_parameter"
        )
    start = _number(given, "start_time", 0, 0, LATEST)
    if "end_time" not in given:
        return start // least * least, (max(int(now), start) // width + 1) * width
    end = _number(given, "end_time", 0, 0, LATEST)
    if end <= start:
        raise _wrong("end_time", "must be after 'start_time'")
    return start // least * least, -(-end // least) * least


def _groups(given: Given, report: Report) -> tuple[str, ...]:
    groups = tuple(dict.fromkeys(given.get("group_by", ())))
    for name in groups:
        if name not in report.groups:
            raise _wrong("group_by", f"may hold {', '.join(report.groups)}; not {name[:64]!r}")
    return groups


def _batch(given: Given) -> bool | None:
    text = _one(given, "batch")
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise _wrong("batch", "must be true or false")
    return text.lower() == "true"


def _turned(asked: Asked, page: str) -> Asked:
    """The page that a cursor names; a cursor of another route, width or stretch of time is none."""
    from dataclasses import replace

    try:
        text = urlsafe_b64decode(page.removeprefix("page_") + "==").decode("ascii")
        name, width, begin = text.split(":")
        turned = replace(asked, begin=int(begin))
    except (binascii.Error, ValueError):
        raise _wrong("page", "is no cursor of this route") from None
    inside = asked.start < turned.begin < asked.end and turned.begin % asked.width == 0
    if page != cursor(asked, turned.begin) or (name, width) != (asked.report.name, str(asked.width)) or not inside:
        raise _wrong("page", "is not a cursor of this query")
    return turned


def _wrong(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"'{name}' {what}.", param=name, code="invalid_value")
