"""Requests to a function URL, and its usage records as CloudWatch would find them."""

from __future__ import annotations

import json
from typing import Any

import httpx
from openai import OpenAI

from local.function_url import FunctionUrl
from tests.wire.gateway import NOVA, eventually

KEY = "sk-function-url-8d1f"
HEADERS = {"authorization": f"Bearer {KEY}"}


def http(url: FunctionUrl, **options: Any) -> httpx.Client:
    return httpx.Client(base_url=url.base, headers=HEADERS | options.pop("headers", {}), timeout=60, **options)


def sdk(url: FunctionUrl) -> OpenAI:
    return OpenAI(base_url=f"{url.base}/v1", api_key=KEY, max_retries=0, timeout=90)


def question(text: str, **more: Any) -> dict[str, Any]:
    """A streamed chat request."""
    return {"model": NOVA, "messages": [{"role": "user", "content": text}], "stream": True} | more


def usage_lines(url: FunctionUrl) -> list[dict[str, Any]]:
    found = []
    for line in url.logs:
        if line.text.startswith("{"):
            parsed = json.loads(line.text)
            if parsed.get("event") == "usage":
                found.append(parsed)
    return found


def usage(url: FunctionUrl, count: int = 1, seconds: float = 10.0) -> list[dict[str, Any]]:
    """The usage records, once there are `count`; fails where there are fewer, or more."""
    eventually(lambda: len(usage_lines(url)) >= count, f"{count} usage records", seconds)
    lines = usage_lines(url)
    assert len(lines) == count
    return lines


def settled(url: FunctionUrl) -> None:
    """Wait until no environment is busy and every invocation has its record."""

    def is_settled() -> bool:
        return not url.open_invocations and all(each.state in ("idle", "gone") for each in url.environments)

    eventually(is_settled, "all requests are over", 30)
