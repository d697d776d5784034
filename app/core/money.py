"""What requests cost, in nano-USD (1e-9 USD): whole numbers, so that sums are exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.core.events import Usage


@dataclass(frozen=True, slots=True)
class Cost:
    """What one answer cost, by kind. `priced`: False where the model has no price and a ceiling was charged.

    `other`: what is not tokens (images, search units). `version`: of the price table.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    other: int = 0
    priced: bool = True
    version: str = ""

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write + self.other

    def __add__(self, more: Cost) -> Cost:
        return Cost(
            self.input + more.input,
            self.output + more.output,
            self.cache_read + more.cache_read,
            self.cache_write + more.cache_write,
            self.other + more.other,
            self.priced and more.priced,
            self.version or more.version,
        )


class Prices(Protocol):
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
        """`called`: the id on the wire, whose geography prefix counts; `base_id`: the model behind it. Never raises."""
        ...

    def is_premium(self, base_id: str) -> bool:
        """Whether the model is one to think twice about for short answers."""
        ...
