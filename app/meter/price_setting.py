"""Reads the setting PRICES: `{"MODEL ID OR GLOB": {"input": 3, "output": 15, ...}}`, or a `multiplier` over the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic_core import from_json

from app.meter.prices import CEILING, KINDS, PriceTable, number

MOST = 500
"""Models that the setting may name."""
_PRICES = dict(zip(("input", "output", *KINDS[2:], "image", "unit"), (*KINDS, "image", "unit"), strict=True))
"""The setting's word -> the table's."""


def configured_prices(overrides: str = "", ceiling: Sequence[str] = CEILING) -> PriceTable:
    """The table with the settings PRICES and PRICE_CEILING. Raises ValueError, whose text names the invalid setting."""
    return PriceTable(overrides_of(overrides) if overrides.strip() else None, ceiling)


def overrides_of(text: str) -> dict[str, dict[str, float]]:
    """The rows as the table would have them. Raises ValueError, which names the model and the word that is wrong."""
    try:
        given = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise ValueError("PRICES: this is no JSON") from None
    if not isinstance(given, dict) or len(given) > MOST:
        raise ValueError(f"PRICES: a JSON object of at most {MOST} model ids or globs is expected")
    return {str(model): _row(str(model)[:200], prices) for model, prices in given.items()}


def _row(model: str, prices: object) -> dict[str, float]:
    if not isinstance(prices, Mapping) or not prices:
        raise ValueError(f"PRICES: {model!r}: an object is expected, such as {{'input': 3, 'output': 15}}")
    unknown = sorted(str(word) for word in prices if word not in _PRICES and word != "multiplier")
    if unknown:
        known = ", ".join((*_PRICES, "multiplier"))
        raise ValueError(f"PRICES: {model!r}: {unknown[0][:50]!r} is none of {known}")
    values = {word: number(value) for word, value in prices.items()}
    for word, value in values.items():
        if value is None:
            raise ValueError(f"PRICES: {model!r}: {word} must be a number from 0 to a million")
    found = {word: value for word, value in values.items() if value is not None}
    if "multiplier" in found:
        if len(found) > 1 or not 0 < found["multiplier"] <= 100:
            raise ValueError(f"PRICES: {model!r}: multiplier stands alone, above 0 and at most 100")
        return found
    if ("input" in found) != ("output" in found) or ("input" not in found and any(kind in found for kind in KINDS[2:])):
        raise ValueError(f"PRICES: {model!r}: input and output go together, and prices of the cache beside them")
    return {_PRICES[word]: value for word, value in found.items()}
