"""What was done to a request, as response headers: `x-gateway-model`, `x-gateway-ignored`, `x-gateway-repairs`,
`x-gateway-max-tokens`, `x-gateway-cache`, and those that other parts have added (rate limits)."""

from __future__ import annotations

from app.core.plan import Receipt

MAX_HEADER = 1000
RECEIPT_HEADERS = (
    "x-gateway-model",
    "x-gateway-ignored",
    "x-gateway-repairs",
    "x-gateway-max-tokens",
    "x-gateway-cache",
    *(f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")),
)
"""What pages of other origins may read, too."""


def receipt_headers(receipt: Receipt) -> dict[str, str]:
    """Absent where there is nothing to tell. Values are ASCII and bounded."""
    headers = {name: _safe(value) for name, value in receipt.headers.items()}
    if receipt.model:
        headers["x-gateway-model"] = _safe(receipt.model)
    if receipt.ignored:
        headers["x-gateway-ignored"] = _safe(",".join(receipt.ignored))
    repairs = [f"{kind}={count}" for kind, count in sorted(receipt.repairs.items()) if count]
    if repairs:
        headers["x-gateway-repairs"] = _safe(",".join(repairs))
    if receipt.max_tokens is not None:
        headers["x-gateway-max-tokens"] = str(receipt.max_tokens)
    if receipt.cache:
        headers["x-gateway-cache"] = receipt.cache
        headers["cache-control"] = "private, no-store, no-transform"  # nobody else is to keep what is kept here
    return headers


def _safe(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "_" for letter in text)[:MAX_HEADER]
