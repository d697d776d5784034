"""The query of `GET /v1/status`. Pure."""

from __future__ import annotations

from urllib.parse import parse_qs


def models_in(query: bytes) -> frozenset[str]:
    """`?model=a&model=b` -> the models asked for; empty for all."""
    asked = parse_qs(query.decode("latin-1"), max_num_fields=100).get("model", ())
    return frozenset(name.strip() for name in asked if name.strip())
