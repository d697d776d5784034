"""Chat completion bodies for property tests: any JSON, requests as clients send them, and those with one thing wrong."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from local.behaviour.reasoning import sign

IDS = ("call_1", "call_2", "call|3:x", "t" * 80)
NAMES = ("get_weather", "get_time", "mcp.server/read", "x" * 70)
TEXTS = st.sampled_from(["Hello", "", "  ", "What now?", "Answer: 42 ", "é\U0001f600"]) | st.text(max_size=8)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
ARGUMENTS = st.sampled_from(["{}", "", " ", "null", '{"city": "Paris"}', '"{\\"a\\": 1}"', "[1]", '{"broken'])

PARTS: st.SearchStrategy[Any] = st.one_of(
    TEXTS.map(lambda text: {"type": "text", "text": text}),
    TEXTS.map(lambda text: {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
    TEXTS.map(lambda text: {"type": "text", "text": text, "prompt_cache_breakpoint": {"mode": "explicit"}}),
)
CONTENT = TEXTS | st.lists(PARTS, max_size=3) | st.none()


def _reasoning(text: str) -> list[dict[str, Any]]:
    return [{"type": "reasoning.text", "text": text, "signature": sign(text)}]


@st.composite
def assistants(draw: st.DrawFn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": draw(CONTENT)}
    if draw(st.booleans()):
        message["tool_calls"] = [
            {"id": draw(st.sampled_from(IDS)), "type": "function", "function": {"name": name, "arguments": arguments}}
            for name, arguments in draw(st.lists(st.tuples(st.sampled_from(NAMES), ARGUMENTS), max_size=3))
        ]
    lane = draw(st.sampled_from(["none", "none", "details", "content"]))
    if lane == "details":
        message["reasoning_details"] = _reasoning("Hm.")
    elif lane == "content":
        message["reasoning_content"] = "Hm."
    return message


MESSAGES = st.one_of(
    st.builds(lambda content: {"role": "system", "content": content}, CONTENT),
    st.builds(lambda content: {"role": "user", "content": content}, CONTENT),
    assistants(),
    st.builds(
        lambda name, content: {"role": "tool", "tool_call_id": name, "content": content}, st.sampled_from(IDS), CONTENT
    ),
    st.builds(lambda content: {"role": "function", "name": "get_weather", "content": content}, TEXTS),
)
SCHEMAS = st.sampled_from(
    [
        None,
        {},
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        {"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "null"}]},
        {"properties": {"when": {"type": "string", "pattern": "(?=a)b"}}},
    ]
)


def tool(name: str, schema: Any, strict: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": schema, "strict": strict}}


TOOLS = st.lists(st.builds(tool, st.sampled_from(NAMES), SCHEMAS, st.sampled_from([None, True, False])), max_size=3)
ANSWERS = st.sampled_from(
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "x y", "schema": {"type": "array", "items": {}}}},
        {
            "type": "json_schema",
            "json_schema": {
                "name": "city",
                "schema": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}},
            },
        },
    ]
)
CHOICES = st.sampled_from(
    [
        "auto",
        "none",
        "required",
        "any",
        {"type": "function", "function": {"name": NAMES[0]}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "name": NAMES[0]}]}},
    ]
)
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(0, 100),
    "max_tokens": st.integers(1, 4096),
    "max_completion_tokens": st.integers(1, 4096),
    "stop": st.lists(st.sampled_from(["", "\n", "END", "STOP", "a", "b", "c"]), max_size=6),
    "tools": TOOLS,
    "tool_choice": CHOICES,
    "parallel_tool_calls": st.booleans(),
    "response_format": ANSWERS,
    "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    "service_tier": st.sampled_from(["auto", "default", "flex", "priority"]),
    "metadata": st.dictionaries(TEXTS, TEXTS, max_size=3),
    "user": TEXTS,
    "prompt_cache_key": st.just("key"),
    "prompt_cache_retention": st.just("24h"),
    "cache_control": st.just({"type": "ephemeral", "ttl": "1h"}),
    "seed": st.integers(),
    "stream": st.booleans(),
}


@st.composite
def endings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What a request may end in: a user's turn, or the results of tools."""
    if draw(st.booleans()):
        return [{"role": "user", "content": draw(TEXTS)}]
    calling = draw(assistants().filter(lambda message: message.get("tool_calls")))
    results = [{"role": "tool", "tool_call_id": each["id"], "content": "ok"} for each in calling["tool_calls"]]
    return [calling, *draw(st.permutations(results))]


@st.composite
def requests(draw: st.DrawFn, model: str = "amazon.nova-lite-v1:0", *, ended: bool = False) -> dict[str, Any]:
    """A request that fits the schema; `ended`: its history ends in a turn that wants an answer."""
    messages = draw(st.lists(MESSAGES, min_size=1, max_size=6))
    if ended:
        messages += draw(endings())
    names = draw(st.sets(st.sampled_from(sorted(OPTIONS)), max_size=6))
    body = {"model": model, "messages": messages} | {name: draw(OPTIONS[name]) for name in sorted(names)}
    return body


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        at = todo.pop()
        keys: list[Any] = list(at) if isinstance(at, dict) else list(range(len(at))) if isinstance(at, list) else []
        found.extend((at, key) for key in keys)
        todo.extend(at[key] for key in keys)
    return found


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """A request with up to three values replaced by any JSON."""
    body: dict[str, Any] = copy.deepcopy(draw(requests()))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(_places(body)))
        container[key] = draw(JSON)
    return body
