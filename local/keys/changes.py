"""What the options of a command make of a record. Pure."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from app.core.access import Access, Rates
from app.core.records import KeyRecord, Project
from local.keys.values import NONE

KEY_OPTIONS = (
    *("budget", "rpm", "tpm", "project", "user", "tag", "models"),
    *("max_tokens", "guardrail", "tier", "profile", "cache", "prompt_cache_ttl", "expires"),
)


def given(flags: Namespace) -> list[str]:
    """The options that say something about a key, by name."""
    return [name for name in ("new_name", *KEY_OPTIONS) if hasattr(flags, name)]


def changed_key(record: KeyRecord, flags: Namespace, project: str) -> KeyRecord:
    """`project`: the id of the project it belongs to from now on."""
    options = vars(flags)
    changes: dict[str, Any] = {"project": project, "access": _access(record.access, options)}
    changes["rates"] = _rates(record.rates, options)
    if "new_name" in options:
        changes["name"] = options["new_name"]
    if "budget" in options:
        changes["budget"] = options["budget"]
    if "user" in options:
        changes["user"] = "" if options["user"].lower() == NONE else options["user"]
    if "tag" in options:
        changes["tags"] = merged(record.tags, options["tag"])
    if "expires" in options:
        changes["expires_at"] = options["expires"]
    return replace(record, **changes)


def changed_project(project: Project, flags: Namespace) -> Project:
    options = vars(flags)
    changes: dict[str, Any] = {name: options[option] for name, option in _PROJECT if option in options}
    if options.keys() & {"rpm", "tpm"}:
        rates = _rates(project.rates.get("*", Rates()), options)
        others = {model: held for model, held in project.rates.items() if model != "*"}
        changes["rates"] = others if rates == Rates() else {"*": rates} | others
    return replace(project, **changes)


_PROJECT = (("name", "new_name"), ("budget", "budget"))


def merged(before: Mapping[str, str], pairs: Iterable[tuple[str, str] | None]) -> dict[str, str]:
    """None takes all away that came before, an empty value its name."""
    after = dict(before)
    for each in pairs:
        if each is None:
            after.clear()
        elif each[1]:
            after[each[0]] = each[1]
        else:
            after.pop(each[0], None)
    return after


def _rates(before: Rates, options: Mapping[str, Any]) -> Rates:
    return Rates(options.get("rpm", before.rpm), options.get("tpm", before.tpm))


def _access(before: Access, options: Mapping[str, Any]) -> Access:
    changes: dict[str, Any] = {name: options[name] for name in ("max_tokens", "guardrail") if name in options}
    if "models" in options:
        changes["models"] = options["models"] or ()
    if "tier" in options:
        changes["tier"] = "" if options["tier"] == NONE else options["tier"]
    if "prompt_cache_ttl" in options:
        changes["prompt_cache_ttl"] = "" if options["prompt_cache_ttl"] == NONE else options["prompt_cache_ttl"]
    if "profile" in options:
        changes["profiles"] = merged(before.profiles, options["profile"])
    if "cache" in options:
        changes["cache_ttl"] = options["cache"] or 0
    return replace(before, **changes)
