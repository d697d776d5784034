"""The generated parts of docs/prices.md and docs/price-table.md: the table that the gateway charges by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.meter.prices import table
from app.plan.model_id import base_of
from app.plan.traits import traits_of

_COLUMNS = ("in", "out", "cache_read", "cache_write", "cache_write_1h", "batch", "flex", "priority")


def models() -> str:
    """A row per model."""
    data = table()
    lines = [
        f"Version {data['version']}, prices of {data['region']}, in USD per million tokens.",
        "",
        "| model | in | out | cache read | write 5 min | write 1 h | batch | flex | priority | beside | end of life | source |",
        "| --- " + "| --: " * 8 + "| --- | --- | --- |",
    ]
    for id_, row in sorted(data["models"].items()):
        cells = [_shown(row.get(name)) for name in _COLUMNS]
        lines.append(f"| `{id_}` | {' | '.join(cells)} | {_beside(row)} | {end_of_life(id_)} | {row['source']} |")
    return "\n".join(lines)


def end_of_life(id_: str) -> str:
    """The day on which a model of the table ends, empty where none is known."""
    return traits_of(base_of(id_) or id_).end_of_life


def rules() -> str:
    """What multiplies the table's prices."""
    data = table()
    lines = ["| what | where | times | source |", "| --- | --- | --: | --- |"]
    for rule in data["geographies"]:
        prefix = {"": "an id without a geography", "*": "any other geography"}.get(
            rule["prefix"], f"`{rule['prefix']}.`"
        )
        lines.append(f"| {prefix} | `{rule['models']}` | {_shown(rule['by'])} | {rule['source']} |")
    for name, rule in data["multipliers"].items():
        lines.append(
            f"| `{name}` | models without a price of their own for it | {_shown(rule['by'])} | {rule['source']} |"
        )
    return "\n".join(lines)


def sources() -> str:
    return "\n".join(f"- `{name}`: {text}." for name, text in table()["sources"].items())


def _beside(row: Mapping[str, Any]) -> str:
    told = []
    if "over" in row:
        over = row["over"]
        prices = " / ".join(_shown(over[name]) for name in ("in", "out", "cache_read") if name in over)
        told.append(f"over {over['tokens']:,} tokens of prompt: {prices}")
    for name, title in (("image", "an image"), ("unit", "a search unit")):
        if name in row:
            told.append(f"{title}: {_shown(row[name])}")
    for name in ("video_second", "audio_second", "audio_in", "audio_out"):
        if name in row:
            told.append(f"{name.replace('_', ' ')} (not charged yet): {_shown(row[name])}")
    return "; ".join(told)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " / ".join(map(_shown, value))
    return "" if value is None else f"{value:.10f}".rstrip("0").rstrip(".")
