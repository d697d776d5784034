"""Prompt caching in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.chat.caching import cache_point, decode_caching
from app.api.chat.schema import ChatRequest
from app.core.prompt import CachePoint, Caching
from app.core.request_options import cache_ttl


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Caching()),
        ({"prompt_cache_key": "k"}, Caching(auto=True)),
        ({"cache_control": {"type": "ephemeral"}}, Caching(auto=True)),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, Caching(auto=True, ttl="1h")),
        ({"prompt_cache_retention": "24h"}, Caching(auto=True, ttl="1h")),
        ({"prompt_cache_retention": "in_memory"}, Caching()),
        ({"prompt_cache_options": {"mode": "explicit"}, "prompt_cache_key": "k"}, Caching(auto=False)),
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}, Caching(auto=True, ttl="1h")),
        ({"extra_body": {"prompt_caching": True}}, Caching(auto=True)),
        ({"extra_body": {"prompt_caching": {"system": True, "messages": False}}}, Caching(auto=True)),
        ({"extra_body": {"prompt_caching": False}, "prompt_cache_key": "k"}, Caching(auto=False, explicit=False)),
        ({"extra_body": {"prompt_caching": {"system": False}}}, Caching(auto=False, explicit=False)),
        ({"extra_body": {"prompt_caching": {}}}, Caching()),
    ],
)
def test_how_a_request_asks_for_caching(options: dict[str, Any], expected: Caching) -> None:
    request = ChatRequest.model_validate({"model": "m", "messages": [{"role": "user", "content": "a"}]} | options)
    assert decode_caching(request) == expected


@pytest.mark.parametrize(
    ("holder", "point"),
    [
        ({}, None),
        ({"cache_control": {"type": "ephemeral"}}, CachePoint()),
        ({"cache_control": {"ttl": "5m"}}, CachePoint()),
        ({"cache_control": {"type": "persistent"}}, None),
        ({"cache_control": "yes"}, None),
        ({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}, CachePoint("1h")),
        ({"prompt_cache_breakpoint": True}, None),
    ],
)
def test_where_a_point_is_marked(holder: dict[str, Any], point: CachePoint | None) -> None:
    assert cache_point(holder) == point


@pytest.mark.parametrize("ttl", [[], {}, None, 3600, "forever"])
def test_a_ttl_that_is_none_is_the_models_own_and_no_crash(ttl: Any) -> None:
    assert cache_ttl(ttl) == ""
