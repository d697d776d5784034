"""The state in the table, over whole processes: what one has answered, thought or learned serves the others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from app.core.access import Access
from app.core.events import Usage
from app.core.ports import Caller
from app.stores.table.memory import MemoryTable
from local.emulator import Emulator
from tests.unit.stores.tables import CountedTable
from tests.wire.gateway import KEY, NOVA, Gateway, chat, eventually, frames, run, serving, text_of

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
TOOL_LOOP: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the weather in Paris?"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "18"},
]
HOUR = {"x-gateway-cache": "ttl=3600"}


class Tenants:
    """Implements Keys: every key is one of its own, and its cache's rule stands in it."""

    async def authenticate(self, presented: str) -> Caller:
        _, _, seconds = presented.partition("/")
        return Caller(presented, access=Access(cache_ttl=int(seconds or 0)))


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def pair(emulator: Emulator, table: MemoryTable) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways over one table."""
    emulator.reset()
    with ExitStack() as stack:
        one, other = (stack.enter_context(serving(emulator.url, keys=Tenants(), table=table)) for _ in range(2))
        yield one, other


def asked(emulator: Emulator) -> int:
    """How often a model was called."""
    return sum(each.method == "POST" for each in emulator.requests)


def post(gateway: Gateway, body: Any, *, key: str = "a", **headers: str) -> Any:
    headers = {"authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    with gateway.client(headers=headers) as client:
        return client.post("/v1/chat/completions", json=body)


def test_what_one_process_answered_another_streams(emulator: Emulator, pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    first = post(one, chat("Hello [[emulate: tokens=200]]"), **HOUR)
    second = post(other, chat("Hello [[emulate: tokens=200]]", stream=True), **HOUR)
    assert (first.headers["x-gateway-cache"], second.headers["x-gateway-cache"]) == ("miss", "hit")
    chunks = frames(second.text)
    assert chunks[-1] == "[DONE]"
    assert len(chunks) > 5, "a stream, in pieces"
    assert text_of(chunks) == first.json()["choices"][0]["message"]["content"]
    assert asked(emulator) == 1


def test_a_hit_costs_nothing_and_says_what_it_saved(emulator: Emulator, pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    for gateway in pair:
        assert post(gateway, chat("Price?"), **HOUR).json()["usage"]["total_tokens"] > 0
    (paid,), (saved,) = one.records(), other.records()
    assert (saved.usage, saved.cost.total, saved.outcome) == (Usage(), 0, "ok")
    assert saved.saved == paid.cost.total > 0
    assert (paid.saved, paid.usage.output > 0) == (0, True)


def test_no_tenant_gets_anothers_answer(emulator: Emulator, pair: tuple[Gateway, Gateway]) -> None:
    told = [post(gateway, chat("Mine"), key=key, **HOUR).headers["x-gateway-cache"] for key in "ab" for gateway in pair]
    assert told == ["miss", "hit", "miss", "hit"]
    assert asked(emulator) == 2


def test_a_keys_own_rule(emulator: Emulator, pair: tuple[Gateway, Gateway]) -> None:
    one, _ = pair
    for body, told in (
        (chat("Rule"), "miss"),
        (chat("Rule"), "hit"),
        (chat("Rule", temperature=0.7), None),
        (chat("Rule", tools=[WEATHER]), None),
    ):
        assert post(one, body, key="a/60").headers.get("x-gateway-cache") == told
    assert "x-gateway-cache" not in post(one, chat("Rule"), key="a/60", x_gateway_cache="off").headers


@pytest.mark.parametrize("body", [b"junk", "text", 7], ids=str)
def test_a_spoiled_entry_is_a_miss(
    emulator: Emulator, table: MemoryTable, pair: tuple[Gateway, Gateway], body: Any
) -> None:
    one, other = pair
    post(one, chat("Spoiled"), **HOUR)
    (item,) = run(table.query("cache#a"))
    run(table.put("cache#a", str(item["sk"]), {**item, "body": body}))
    assert post(other, chat("Spoiled"), **HOUR).headers["x-gateway-cache"] == "miss"
    assert post(one, chat("Spoiled"), **HOUR).headers["x-gateway-cache"] == "hit", "and written anew"


def test_a_cache_that_is_off_is_told(emulator: Emulator) -> None:
    with serving(emulator.url, cache_max_seconds=0) as gateway:
        reply = post(gateway, chat(), key=KEY, **HOUR)
        assert (reply.status_code, reply.headers["x-gateway-ignored"]) == (200, "x-gateway-cache")
        assert "x-gateway-cache" not in reply.headers


def test_another_process_goes_on_thinking(emulator: Emulator, pair: tuple[Gateway, Gateway]) -> None:
    """A tool loop whose client drops the thoughts, and whose second turn comes to another process."""
    one, other = pair
    question = {"role": "user", "content": "What is the weather in Paris?"}
    body: dict[str, Any] = {"model": CLAUDE, "tools": [WEATHER], "reasoning_effort": "medium", "stream": True}
    chunks = frames(post(one, body | {"messages": [question]}).text)
    (call,) = [
        call
        for chunk in chunks
        if isinstance(chunk, dict)
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
        if "id" in call
    ]
    called = {"id": call["id"], "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turn = {"role": "assistant", "tool_calls": [called]}
    history = [question, turn, {"role": "tool", "tool_call_id": call["id"], "content": "18"}]
    reply = post(other, body | {"messages": history, "stream": False})
    assert reply.json()["choices"][0]["message"]["content"] == "The tool answered: 18"
    assert "thinking-off" not in reply.headers.get("x-gateway-repairs", "")
    assert '"signature"' in json.dumps(emulator.requests[-1].body)
    stranger = post(other, body | {"messages": history, "stream": False}, key="b")
    assert "thinking-off" in stranger.headers["x-gateway-repairs"], "nobody else's thoughts"


async def test_what_another_process_has_learned_is_known_here(emulator: Emulator, table: MemoryTable) -> None:
    await table.put("quirk", NOVA, {"temperature": int(time.time()), "junk": 1})
    with serving(emulator.url, table=table) as gateway:

        def told() -> bool:
            reply = post(gateway, chat(temperature=0.3), key=KEY)
            assert reply.status_code == 200
            return "temperature" in reply.headers.get("x-gateway-ignored", "").split(",")

        eventually(told, "the lesson")
    assert "temperature" not in emulator.requests[-1].body.get("inferenceConfig", {})


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        (chat(), []),
        (chat(stream=True), []),
        (chat(messages=TOOL_LOOP, tools=[WEATHER]), []),
        (chat(model=CLAUDE, messages=TOOL_LOOP, tools=[WEATHER]), []),
        (chat(model=CLAUDE, messages=TOOL_LOOP, tools=[WEATHER], reasoning_effort="low"), ["get_many"]),
    ],
    ids=["plain", "streamed", "tools without thoughts", "no thinking asked", "thinking"],
)
def test_the_table_is_read_before_the_answer_only_where_it_may_matter(
    emulator: Emulator, body: Any, reads: list[str]
) -> None:
    table = CountedTable()
    with serving(emulator.url, keys=Tenants(), table=table) as gateway:
        assert post(gateway, body).status_code == 200
    assert [name for name in table.calls if name in ("get", "get_many")] == reads
