"""Prices that are easy to reckon with: 1 nano-USD a token read, 5 a token said, 2 and 3 for the cache, 1,000 a picture."""

from __future__ import annotations

from app.core.events import Usage
from app.core.money import Cost


class PlainPrices:
    """Implements Prices."""

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
        return Cost(
            input=usage.input,
            output=5 * usage.output,
            cache_read=2 * usage.cache_read,
            cache_write=3 * usage.cache_write,
            other=1000 * images,
            version="test",
        )

    def is_premium(self, base_id: str) -> bool:
        return base_id.startswith("big")


PRICES = PlainPrices()
