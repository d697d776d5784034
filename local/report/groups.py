"""Rows added up by one thing: key, project, model, day, tag, user, tier, alias. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from app.core.rollup import Counters, UsageRow
from app.stores.rollup_rows import tags_in

NO_TAG = "(no tag)"
NO_USER = "(no user)"


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called. Ids that are not in it stand for themselves."""

    keys: Mapping[str, str] = field(default_factory=dict)
    projects: Mapping[str, str] = field(default_factory=dict)

    def key(self, id: str) -> str:
        return _named(id, self.keys)

    def project(self, id: str) -> str:
        return _named(id, self.projects)


def _named(id: str, names: Mapping[str, str]) -> str:
    name = names.get(id)
    return f"{name} ({id})" if name and name != id else id


def _tags(row: UsageRow) -> list[str]:
    pairs = [f"{name}={value}" for name, value in tags_in(row.dimensions.tag).items()]
    return pairs or [row.dimensions.tag or NO_TAG]


def _asked(row: UsageRow) -> list[str]:
    asked = row.dimensions.asked
    return [f"{asked} > {row.dimensions.model}"] if asked else []


def labels(by: str, names: Names) -> Callable[[UsageRow], list[str]]:
    """What a row counts under: mostly one thing; of tags several; of aliases perhaps nothing."""
    return {
        "key": lambda row: [names.key(row.dimensions.key)],
        "project": lambda row: [names.project(row.dimensions.project)],
        "model": lambda row: [row.dimensions.model],
        "day": lambda row: [row.day],
        "user": lambda row: [row.dimensions.user or NO_USER],
        "tier": lambda row: [f"{row.dimensions.tier}, {row.dimensions.traffic}"],
        "tag": _tags,
        "asked": _asked,
    }[by]


BY = ("key", "project", "model", "day", "tag", "user", "tier", "asked")


def grouped(rows: Iterable[UsageRow], by: str, names: Names) -> dict[str, Counters]:
    """Days in their order, all else by cost, then by name."""
    label = labels(by, names)
    sums: dict[str, Counters] = {}
    for row in rows:
        for each in label(row):
            sums.setdefault(each, Counters()).add(row.total)
    if by == "day":
        return dict(sorted(sums.items()))
    return dict(sorted(sums.items(), key=lambda item: (-item[1].cost, -item[1].requests, item[0])))


def total(rows: Iterable[UsageRow]) -> Counters:
    sums = Counters()
    for row in rows:
        sums.add(row.total)
    return sums


def premium_shorts(rows: Iterable[UsageRow], is_premium: Callable[[str], bool]) -> dict[str, Counters]:
    """By tag: what premium models did, where some of their answers were short. What the short ones cost comes first."""
    premium = [row for row in rows if is_premium(row.dimensions.model)]
    sums = grouped(premium, "tag", Names())
    found = [(tag, counters) for tag, counters in sums.items() if counters.short]
    return dict(sorted(found, key=lambda item: (-item[1].cost_short, item[0])))
