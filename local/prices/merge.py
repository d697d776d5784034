"""Puts the prices of the list into the table: what the list has is taken, what it has not stays as it is."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from local.prices.offers import Seen

SOURCE = "price-list"
REGION, GEOGRAPHY = "us-east-1", "us"
"""Whose prices the table has, and the profiles that are billed like this region."""
_PLAIN = ("in", "out", "cache_read", "cache_write", "cache_write_1h", "unit")
_TIERS = ("batch", "flex", "priority")
_COMPACT = ("sources", "multipliers", "geographies", "models")

Table = dict[str, Any]
Found = dict[tuple[str, bool], float]
"""(what of a row, whether of `global.` profiles) -> USD. A tier's price is `flex.in`, a long prompt's `over.in`."""


class Merged(NamedTuple):
    """`changes`: lines for a person. `unknown`: names of the list without an id. `doubts`: what was left as it was."""

    table: Table
    changes: list[str]
    unknown: list[str]
    doubts: list[str]


def merge(table: Mapping[str, Any], seen: Iterable[Seen], names: Mapping[str, str], *, date: str) -> Merged:
    """`names`: the list's name -> model id. `date` (of today) names the new version where anything changed."""
    new: Table = deepcopy(dict(table))
    by_model, unknown, doubts = _collect(seen, names, new["models"])
    for id_, found in sorted(by_model.items()):
        doubts += _put(new, id_, found)
    changes = _changes(table["models"], new["models"])
    if not changes:
        return Merged(deepcopy(dict(table)), [], unknown, doubts)
    new["version"], new["date"] = _version(str(table["version"]), date), date
    new["sources"][SOURCE] = f"AWS Price List API, {REGION}, read {date}"
    return Merged(new, changes, unknown, doubts)


def dump(table: Mapping[str, Any]) -> str:
    """The table as its file has it: a line for each row, models in order."""
    lines = []
    for name, value in table.items():
        if name not in _COMPACT:
            lines.append(f'  "{name}": {_plain(value)}')
        elif isinstance(value, list):
            lines.append(f'  "{name}": [\n' + ",\n".join(f"    {_plain(each)}" for each in value) + "\n  ]")
        else:
            rows = sorted(value.items()) if name == "models" else value.items()
            lines.append(f'  "{name}": {{\n' + ",\n".join(f'    "{key}": {_plain(row)}' for key, row in rows) + "\n  }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _collect(
    seen: Iterable[Seen], names: Mapping[str, str], models: Mapping[str, Any]
) -> tuple[dict[str, Found], list[str], list[str]]:
    by_model: dict[str, Found] = defaultdict(dict)
    unknown, doubts = set(), []
    ids = {name.casefold(): id_ for name, id_ in names.items()}
    for price in seen:
        id_ = ids.get(price.name.casefold()) or (price.name if price.name in models else "")
        if not id_:
            unknown.add(price.name)
            continue
        place = ("over." if price.long else f"{price.tier}." if price.tier else "") + price.kind
        if price.long and price.tier:
            continue  # the table multiplies
        key = (place, price.everywhere)
        before = by_model[id_].get(key, price.usd)
        if before != price.usd:
            doubts.append(
                f"{id_} {place}: {_number(before)} and {_number(price.usd)} in the list; the higher one is taken"
            )
        by_model[id_][key] = max(before, price.usd)
    return dict(by_model), sorted(unknown), doubts


def _put(table: Table, id_: str, found: Found) -> list[str]:
    """Where a geography has a price of its own, the base row is that of `global.`, and the region's is checked against it."""
    models, doubts = table["models"], []
    by = _geographic(table, id_)
    everywhere = {place: usd for (place, is_global), usd in found.items() if is_global}
    regional = {place: usd for (place, is_global), usd in found.items() if not is_global}
    base = everywhere if by != 1 else regional or everywhere
    if base:
        doubts += _fill(models, id_, base)
    if by != 1 and regional:
        own = f"{GEOGRAPHY}.{id_}"
        row = models.get(id_, {})
        differs = any(abs(usd - _value(row, place) * by) > 1e-9 for place, usd in regional.items())
        if own in models or differs:
            doubts += _fill(models, own, regional, like=_multiplied(row, by))
    return doubts


def _multiplied(row: Mapping[str, Any], by: float) -> dict[str, Any]:
    """What the region would be charged by the rule: so that a row of its own lacks nothing that the base row has."""

    def times(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: each if name == "tokens" else times(each) for name, each in value.items()}
        if isinstance(value, list):
            return [times(each) for each in value]
        return value if isinstance(value, str) else _number(round(value * by, 10))

    return {name: times(value) for name, value in row.items()}


def _fill(
    models: dict[str, Any], id_: str, prices: Mapping[str, float], like: Mapping[str, Any] | None = None
) -> list[str]:
    old = models.get(id_)
    row: dict[str, Any] = dict(old or like or {})
    row.update({place: _number(usd) for place, usd in prices.items() if place in _PLAIN})
    for tier in _TIERS:
        pair = [prices.get(f"{tier}.in"), prices.get(f"{tier}.out")]
        if None not in pair:
            row[tier] = [_number(usd) for usd in pair if usd is not None]
    long = {place[5:]: _number(usd) for place, usd in prices.items() if place.startswith("over.")}
    if long and "over" in row:
        row["over"] = row["over"] | long
    if "unit" not in row and not ("in" in row and "out" in row):
        return [f"{id_}: the list has only {', '.join(sorted(prices))}; a row needs in and out"]
    if row != old:
        models[id_] = {name: value for name, value in row.items() if name != "source"}
        models[id_]["source"] = SOURCE
    if long and "over" not in row:
        return [f"{id_}: the list has prices of long prompts, and from how many tokens on is not known"]
    return []


def _value(row: Mapping[str, Any], place: str) -> float:
    """The row's own price at `flex.in` and the like; one that is not there differs from every price."""
    head, _, kind = place.rpartition(".")
    if not head:
        return float(row.get(kind, -1))
    inner = row.get(head, {})
    if isinstance(inner, list):
        return float(inner[("in", "out").index(kind)]) if kind in ("in", "out") else -1.0
    return float(inner.get(kind, -1))


def _geographic(table: Mapping[str, Any], id_: str) -> float:
    rules = (
        rule for rule in table["geographies"] if rule["prefix"] in ("*", GEOGRAPHY) and fnmatchcase(id_, rule["models"])
    )
    return float(next((rule["by"] for rule in rules), 1))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    lines = []
    for id_ in sorted(new):
        before, after = old.get(id_), new[id_]
        if before is None:
            lines.append(f"{id_}: new: {_plain(after)}")
            continue
        for name in after:
            if name != "source" and before.get(name) != after[name]:
                lines.append(f"{id_} {name}: {_plain(before.get(name))} -> {_plain(after[name])}")
    return lines


def _version(old: str, date: str) -> str:
    day, _, count = old.rpartition(".")
    return f"{date}.{int(count) + 1}" if day == date else f"{date}.1"


def _number(usd: float) -> float | int:
    return int(usd) if float(usd).is_integer() else usd


def _plain(value: object) -> str:
    """JSON without exponents: 0.00006 and not 6e-05."""
    if isinstance(value, float) and "e" in repr(value):
        return f"{value:.15f}".rstrip("0")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)}: {_plain(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return json.dumps(value)
