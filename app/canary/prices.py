"""What a check may cost at most, and what it did cost: `prices.json`, a dated table, in microcents.

A microcent is a millionth of a US cent; a price of 1 USD per million tokens is 100 microcents per token.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MICROCENTS = 1_000_000
"""In a cent."""
_PER_TOKEN = 100
_ABSURD = 100_000_000
_GEOGRAPHY = re.compile(r"(?:^|[:/])(global|us-gov)\.")


@dataclass(frozen=True)
class Price:
    """USD per million tokens."""

    input: float
    output: float
    read: float
    write: float

    def most(self, tokens_in: int, tokens_out: int) -> int:
        """Microcents for so many tokens, all input at its dearest, rounded up."""
        dearest = max(self.input, self.read, self.write)
        return math.ceil((tokens_in * dearest + tokens_out * self.output) * _PER_TOKEN)

    def of(self, usage: Any) -> int | None:
        """Microcents for an answer's `usage`, rounded up; None where it is not there or makes no sense."""
        if not isinstance(usage, dict):
            return None
        details = usage.get("prompt_tokens_details")
        details = details if isinstance(details, dict) else {}
        prompt = usage.get("prompt_tokens")
        output = usage.get("completion_tokens", 0)  # embeddings have none
        read, write = details.get("cached_tokens", 0), details.get("cache_write_tokens", 0)
        counts = (prompt, output, read, write)
        if not all(type(count) is int and 0 <= count < _ABSURD for count in counts):
            return None
        prompt, output, read, write = map(int, counts)
        fresh = max(0, prompt - read - write)
        dollars = fresh * self.input + read * self.read + write * self.write + output * self.output
        return math.ceil(dollars * _PER_TOKEN)


def price_of(model: str) -> Price:
    """The price of a model id, profile id or ARN; the ceiling for what the table does not know, such as an alias.

    `global.` profiles have the list price. Others are taken to be a tenth dearer, and GovCloud's a fifth, which is
    true of most recent models and too much for the rest: an estimate has to be an upper bound.
    """
    table, ceiling = _table()
    found = _GEOGRAPHY.search(model)
    factor = {"global": 1.0, "us-gov": 1.2}[found[1]] if found else 1.1
    known = next((row for pattern, row in table if pattern.search(model)), None)
    row = ceiling if known is None else known
    price_in, price_out, read, write = row
    values = (price_in, price_out, price_in if read is None else read, price_in if write is None else write)
    return Price(*(value * factor for value in values))


@cache
def _table() -> tuple[list[tuple[re.Pattern[str], list[Any]]], list[Any]]:
    """(pattern, [in, out, read, write]) per model, and the ceiling. The id must stand alone: a later model is another."""
    data = json.loads((Path(__file__).parent / "prices.json").read_text())
    rows = [(re.compile(rf"(?<![a-z0-9-]){re.escape(id_)}(?![a-z0-9.-])"), row) for id_, row in data["models"].items()]
    return rows, data["ceiling"]
