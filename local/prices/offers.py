"""Reads AWS's price list: which model, which kind of token, which tier, for how much.

No row says the model's id. `AmazonBedrock` and `AmazonBedrockService` name it in `model` (Titan: `titanModel`), per 1K tokens;
`AmazonBedrockFoundationModels` (what AWS Marketplace sells) in `servicename` only, per 1M tokens. What the tokens are is in
`usagetype`, in three ways of writing (as third parties show them, 2026-11; not verified on an account):

    USE1-Nova2.0Lite-input-tokens-cross-region-global-batch
    USE1-MP:USE1_InputTokenCount_Global-Units
    USE1-MP:USE1_cache_write_tokens_1h_global_standard-Units
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

SERVICES = ("AmazonBedrock", "AmazonBedrockService", "AmazonBedrockFoundationModels")
_EDITION = re.compile(r"\s*\(Amazon Bedrock(?: Edition)?\)\s*$")
_PLACE = re.compile(r"^[A-Z]{2,4}\d*-(?:MP:[A-Z0-9]+_)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Reserved and provisioned capacity, training, other modalities, another endpoint, a cache's life that nobody can ask for.
_OTHER = re.compile(
    r"reserved|tpm|provisioned|model-?unit|custom|storage|training|latency|grounding|image|audio|video|speech|mantle|30m"
)
_PER_MILLION = {"1k tokens": 1000.0, "1k token": 1000.0, "1m tokens": 1.0, "1m token": 1.0, "million tokens": 1.0}
_EACH = {"search units", "search unit", "searchunits", "units", "unit", "requests", "request"}


class Seen(NamedTuple):
    """One price of the list. `kind` as in the table; `usd` per million tokens, or per search unit."""

    name: str
    usagetype: str
    kind: str
    tier: str
    everywhere: bool
    long: bool
    usd: float


def products_of(item: object) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(attributes, terms) of an answer's item, or of all that a downloaded offer file holds."""
    if not isinstance(item, Mapping):
        return
    on_demand = _mapping(_mapping(item.get("terms")).get("OnDemand"))
    if "product" in item:
        yield _mapping(_mapping(item["product"]).get("attributes")), on_demand
    for sku, product in _mapping(item.get("products")).items():
        yield _mapping(_mapping(product).get("attributes")), _mapping(on_demand.get(sku))


def prices_of(items: Iterable[object], region: str) -> Iterator[Seen]:
    """The prices per token or search unit of a region among a list's items; everything else is passed over."""
    for item in items:
        for attributes, terms in products_of(item):
            if attributes.get("regionCode", region) != region:
                continue
            meter = meter_of(str(attributes.get("usagetype", "")))
            name = name_of(attributes)
            if meter is None or not name:
                continue
            kind, tier, everywhere, long = meter
            for usd in _usd(terms, kind):
                yield Seen(name, str(attributes["usagetype"]), kind, tier, everywhere, long, usd)


def name_of(attributes: Mapping[str, Any]) -> str:
    """What the list calls the model, empty where it does not."""
    for attribute in ("model", "titanModel", "servicename"):
        name = _EDITION.sub("", str(attributes.get(attribute) or "")).strip()
        if name and name != "Amazon Bedrock":
            return name
    return ""


def meter_of(usagetype: str) -> tuple[str, str, bool, bool] | None:
    """(kind, tier, whether of `global.` profiles, whether of long prompts); None for what is no price of a token.

    >>> meter_of("USE1-MP:USE1_cache_write_tokens_1h_global_standard-Units")
    ('cache_write_1h', '', True, False)
    """
    words = _CAMEL.sub("-", _PLACE.sub("", usagetype)).lower().replace("_", "-").removesuffix("-units")
    if _OTHER.search(words):
        return None
    parts = set(words.split("-"))
    tier = next((each for each in ("batch", "flex", "priority") if each in parts), "")
    long = "long-ctx" in words or "long-context" in words
    kind = _kind(words, parts)
    return (kind, tier, "global" in parts, long) if kind else None


def _kind(words: str, parts: set[str]) -> str:
    if re.search(r"cache-?read", words):
        return "cache_read"
    if re.search(r"cache-?write", words):
        return "cache_write_1h" if re.search(r"(^|-)(write-?)?1h(-|$)|write1h", words) else "cache_write"
    if "search" in parts or "searchunits" in parts:
        return "unit"
    if "token" not in words:
        return ""
    return "in" if "input" in parts else "out" if parts & {"output", "response"} else ""


def _usd(terms: Mapping[str, Any], kind: str) -> Iterator[float]:
    """Prices above 0: a row without one, such as of a trial, says nothing about what is paid."""
    for term in terms.values():
        for dimension in _mapping(_mapping(term).get("priceDimensions")).values():
            dimension = _mapping(dimension)
            unit = str(dimension.get("unit", "")).lower().strip()
            factor = (1.0 if unit in _EACH else None) if kind == "unit" else _PER_MILLION.get(unit)
            try:
                usd = float(_mapping(dimension.get("pricePerUnit")).get("USD") or 0)
            except (TypeError, ValueError):
                continue
            if factor and 0 < usd < 1000:
                yield round(usd * factor, 10)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
