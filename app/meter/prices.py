"""What requests cost: `prices.json`, a dated table, and what the settings put before it. Implements core.money.Prices.

Rates are whole numbers of 1e-12 USD per million tokens (or per thing), so that a cost is a few exact multiplications,
rounded once: half a nano-USD up, and never down to nothing. The table is read when the first cost is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json

from app.core.events import Usage
from app.core.money import Cost

TABLE = Path(__file__).with_name("prices.json")
SCALE = 10**12
"""Of rates: 1 USD per million tokens."""
_PER_NANO = 10**9
_THING = 10**6
"""A million: a price per image is not per million of them."""
_ABSURD = 1_000_000.0
_REMEMBERED = 1024
# Billed by the hour, by storage, or not known: an id behind such an ARN says nothing of the price.
_UNPRICED_ARNS = (":custom-model", ":imported-model", ":provisioned-model", ":sagemaker:")
CEILING = ("15", "75")
"""USD per million tokens of input and output."""
KINDS = ("in", "out", "cache_read", "cache_write", "cache_write_1h")

Row = Mapping[str, Any]
Five = tuple[int, int, int, int, int]
"""Rates by KINDS."""


class Rates(NamedTuple):
    """What one model costs. `tokens` None: it has no price per token. `long`: for prompts of more than `over` tokens."""

    tokens: Five | None
    over: int = 0
    long: Five | None = None
    image: int | None = None
    unit: int | None = None
    version: str = ""


@cache
def table() -> dict[str, Any]:
    """The table as the file has it."""
    data: dict[str, Any] = from_json(TABLE.read_bytes())
    return data


class PriceTable:
    """`overrides`: rows that go before the table; `ceiling`: PRICE_CEILING, the price of models without one.

    Raises ValueError, whose text names the setting, if the ceiling is invalid.
    """

    def __init__(self, overrides: Mapping[str, Row] | None = None, ceiling: Sequence[str] = CEILING) -> None:
        self._ceiling = _ceiling(ceiling)
        self._overrides = overrides or {}
        self._rates = lru_cache(maxsize=_REMEMBERED)(self._look_up)

    def cost(
        self,
        called: str,
        base_id: str,
        usage: Usage,
        *,
        tier: str = "",
        batch: bool = False,
        images: int = 0,
        units: int = 0,
    ) -> Cost:
        rates = self._rates(called, base_id, tier, batch)
        things, known = self._things(rates, images, units)
        counts = (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.cache_write_1h)
        charged = rates.long if rates.long and usage.prompt > rates.over else rates.tokens
        if charged is None:
            charged, known = self._ceiling, known and not any(count > 0 for count in counts)
        tokens_in, tokens_out, read, write, write_1h = (max(0, count) for count in counts)
        short = max(0, write - write_1h)
        return Cost(
            input=_nanos(tokens_in * charged[0]),
            output=_nanos(tokens_out * charged[1]),
            cache_read=_nanos(read * charged[2]),
            cache_write=_nanos(short * charged[3] + write_1h * charged[4]),
            other=things,
            priced=known,
            version=rates.version,
        )

    def is_premium(self, base_id: str) -> bool:
        """A model without a price is none: nobody knows."""
        rates = self._rates(base_id, base_id, "", False)
        return rates.tokens is not None and rates.tokens[1] >= scaled(table()["premium_output"]["usd"])

    def rates(self, called: str, base_id: str, *, tier: str = "", batch: bool = False) -> Rates:
        """What `cost` multiplies by, for `./dev prices show`."""
        return self._rates(called, base_id, tier, batch)

    def _things(self, rates: Rates, images: int, units: int) -> tuple[int, bool]:
        """Nano-USD for what is not tokens, and whether all of it has a price."""
        total, known = 0, True
        for count, rate, name in ((images, rates.image, "image"), (units, rates.unit, "unit")):
            if count > 0:
                known = known and rate is not None
                total += count * (scaled(table()["ceiling"][name]) if rate is None else rate) * _THING
        return _nanos(total), known

    def _look_up(self, called: str, base_id: str, tier: str, batch: bool) -> Rates:
        data = table()
        version = str(data["version"])
        row, factor = _row(data, called, base_id)
        own = self._override(called, base_id)
        if own is None:
            return (
                _rates(data, row, factor, tier, batch)._replace(version=version)
                if row
                else Rates(None, version=version)
            )
        version += "+own"
        if "multiplier" in own:
            factor = factor * scaled(own["multiplier"]) // SCALE
            return (
                _rates(data, row, factor, tier, batch)._replace(version=version)
                if row
                else Rates(None, version=version)
            )
        found = _rates(data, row, factor, tier, batch) if row else Rates(None)
        ours = _rates(data, own, SCALE, tier, batch)
        if ours.tokens is None:
            ours = ours._replace(tokens=found.tokens, over=found.over, long=found.long)
        image = found.image if ours.image is None else ours.image
        unit = found.unit if ours.unit is None else ours.unit
        return ours._replace(image=image, unit=unit, version=version)

    def _override(self, called: str, base_id: str) -> Row | None:
        """The setting's row: an id that stands there itself before a pattern, a longer pattern before a shorter."""
        if not self._overrides:
            return None
        for name in (called, base_id):
            if name in self._overrides:
                return self._overrides[name]
        from fnmatch import fnmatchcase

        fits = (key for key in self._overrides if fnmatchcase(called, key) or fnmatchcase(base_id, key))
        best = max(fits, key=len, default=None)
        return None if best is None else self._overrides[best]


def scaled(usd: float) -> int:
    """A price in whole 1e-12 USD. Prices have at most 15 digits, so a float tells them apart."""
    return round(usd * SCALE)


def number(value: object) -> float | None:
    """A price as a person may write it: finite, not negative, not absurd. None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found <= _ABSURD else None


def _nanos(amount: int) -> int:
    """`amount`: tokens times rate."""
    return max(1, (amount * 2 + _PER_NANO) // (_PER_NANO * 2)) if amount > 0 else 0


def _ceiling(words: Sequence[str]) -> Five:
    prices = [number(word) for word in words]
    if len(prices) != 2 or not all(prices):
        raise ValueError("PRICE_CEILING: two prices above 0, in USD per million tokens, are expected, such as 15,75")
    tokens_in, tokens_out = (scaled(price or 0) for price in prices)
    return (tokens_in, tokens_out, tokens_in, tokens_in, tokens_in)


# The table's rules


def _row(data: Mapping[str, Any], called: str, base_id: str) -> tuple[Row | None, int]:
    """The model's row and what its prices are multiplied by (times SCALE) for the geography in `called`."""
    if called.startswith("arn:") and any(kind in called for kind in _UNPRICED_ARNS):
        return None, SCALE
    models, geography = _models(), _geography(called, base_id)
    for id_ in dict.fromkeys((base_id, base_id.partition(":")[0])):
        explicit = models.get(f"{geography}.{id_}")
        if explicit is not None:
            return explicit, SCALE
        if id_ in models:
            return models[id_], _geographic(data, geography, base_id)
        others = (name for name in models if "." in id_ and name.endswith(f".{id_}"))
        for other in others:  # priced in another geography only
            theirs = _geographic(data, other[: -len(id_) - 1], base_id)
            return models[other], max(SCALE, _geographic(data, geography, base_id) * SCALE // theirs)
    return None, SCALE


@cache
def _models() -> dict[str, Row]:
    """Rows by id, and by the id without its `:0`, which some pages leave out."""
    rows: dict[str, Row] = table()["models"]
    return {id_.partition(":")[0]: row for id_, row in rows.items()} | rows


def _geography(called: str, base_id: str) -> str:
    """`us` of `us.amazon.nova-lite-v1:0`, empty for a bare id, `?` where the id does not say (some ARNs)."""
    before, found, _ = called.partition(base_id) if base_id else ("", "", "")
    if not found:
        return "?"
    return before.rpartition("/")[2].removesuffix(".")


def _geographic(data: Mapping[str, Any], geography: str, base_id: str) -> int:
    from fnmatch import fnmatchcase

    for rule in data["geographies"]:
        if rule["prefix"] in ("*", geography) and fnmatchcase(base_id, rule["models"]):
            return scaled(rule["by"])
    return SCALE


def _rates(data: Mapping[str, Any], row: Row, factor: int, tier: str, batch: bool) -> Rates:
    image, unit = (scaled(row[name]) * factor // SCALE if name in row else None for name in ("image", "unit"))
    if "in" not in row:
        return Rates(None, image=image, unit=unit)
    charged = _tiered(data, row, factor, tier, batch)
    if "over" not in row:
        return Rates(_five(data, row, *charged), image=image, unit=unit)
    over = row["over"]
    # Writing to the cache grows with the input where the tier names no price of its own.
    writes = {kind: row[kind] * over["in"] / row["in"] for kind in KINDS[3:] if kind in row}
    return Rates(_five(data, row, *charged), over["tokens"], _five(data, writes | over, *charged), image, unit)


def _tiered(data: Mapping[str, Any], row: Row, factor: int, tier: str, batch: bool) -> tuple[int, int]:
    """What input (the cache with it) and output are multiplied by, times SCALE."""
    name = "batch" if batch else tier
    if name in ("batch", "flex", "priority") and name in row and row["in"] and row["out"]:
        plain, own = (scaled(row["in"]), scaled(row["out"])), row[name]
        return scaled(own[0]) * factor // plain[0], scaled(own[1]) * factor // plain[1]
    rule = data["multipliers"].get(name) if name in ("batch", "flex", "priority", "reserved") else None
    by = factor * scaled(rule["by"]) // SCALE if rule else factor
    return by, by


def _five(data: Mapping[str, Any], row: Row, by_in: int, by_out: int) -> Five:
    usd = [row[kind] if kind in row else row["in"] * data["multipliers"][kind]["by"] for kind in KINDS]
    factors = (by_in, by_out, by_in, by_in, by_in)
    first, second, third, fourth, fifth = (
        (scaled(price) * by * 2 + SCALE) // (SCALE * 2) for price, by in zip(usd, factors, strict=True)
    )
    return first, second, third, fourth, fifth
