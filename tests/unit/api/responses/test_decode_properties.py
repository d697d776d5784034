"""Whatever a client sends is a prompt or a clear error, in bounded time."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.responses.choice import decode_choice
from app.api.responses.decode import decode, references
from app.api.responses.encode import response_object
from app.api.responses.parameters import ITEMS, TOOLS
from app.api.responses.sealed import seal
from app.api.responses.tools import Toolbox
from app.core.prompt import Reasoning
from app.errors import GatewayError
from tests.unit.api.responses.bodies import MODEL, message

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6) | st.just(seal([Reasoning("a", "b")]))
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
PART: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_text", "output_text", "refusal", "input_image", "input_file", "input_audio"]) | JSON},
    optional=dict.fromkeys(("text", "refusal", "image_url", "file_data", "file_id", "input_audio",
                            "prompt_cache_breakpoint", "cache_control"), JSON),
)  # fmt: skip
NAMES = st.sampled_from(["f", "g", "tool_search"])
TOOL: st.SearchStrategy[Any] = st.deferred(lambda: st.fixed_dictionaries(
    {"type": st.sampled_from([*TOOLS, None]) | JSON},
    optional={"name": NAMES | JSON, "description": JSON, "parameters": JSON, "strict": JSON, "format": JSON,
              "execution": st.sampled_from(["client", "server"]), "tools": st.lists(TOOL, max_size=2) | JSON,
              "function": JSON, "custom": JSON},
))  # fmt: skip
CONTENT = st.text(max_size=5) | st.lists(PART | JSON, max_size=3) | JSON
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([*ITEMS, *ITEMS, None]) | JSON,
        "role": st.sampled_from(["user", "assistant", "system", "developer"]) | JSON,
        "id": st.sampled_from(["a", "b"]) | JSON,
        "call_id": st.sampled_from(["1", "2", "x" * 600]) | JSON,
        "name": NAMES | JSON,
        "namespace": st.just("ns") | JSON,
        "content": CONTENT,
        "output": CONTENT,
        "arguments": JSON,
        "input": JSON,
        "action": JSON,
        "operation": JSON,
        "summary": JSON,
        "encrypted_content": JSON,
        "tools": st.lists(TOOL, max_size=2) | JSON,
        "reasoning": JSON | st.fixed_dictionaries({"effort": JSON}),
        "text": JSON | st.fixed_dictionaries({"format": JSON}),
        "error": JSON,
        "status": JSON,
        "execution": st.sampled_from(["client", "server"]) | JSON,
    },
)
FIELDS = st.fixed_dictionaries(
    {"input": st.lists(ITEM, max_size=4) | JSON},
    optional={"tools": st.lists(TOOL, max_size=3) | JSON, "tool_choice": TOOL | JSON}
    | dict.fromkeys(("reasoning", "text", "include", "conversation", "prompt_cache_options", "guardrail_config",
                     "performance_config", "metadata", "truncation", "store", "previous_response_id"), JSON),
)  # fmt: skip


@given(FIELDS, st.lists(ITEM, max_size=2))
def test_nothing_a_client_sends_is_a_fault_of_ours(fields: dict[str, Any], history: list[Any]) -> None:
    body = {"model": MODEL} | fields
    references(body)
    with contextlib.suppress(GatewayError, ValidationError):
        how = decode(body, history=history, referenced={"a": {"type": "message", "role": "user", "content": "x"}})
        json.dumps(response_object("resp_1", 1, how, status="queued"))
        assert all(item["id"] and item["type"] for item in how.input_items)
        assert how.names.keys() == {tool.name for tool in how.prompt.tools}


@given(st.lists(ITEM.map(lambda item: item | {"type": "function_call"}), max_size=3), JSON)
def test_a_choice_is_one_or_an_error(items: list[Any], choice: Any) -> None:
    box = Toolbox()
    box.add([{"name": "f"}], "tools")
    with contextlib.suppress(GatewayError):
        decode_choice(choice, box)


def test_a_long_history_takes_no_longer_than_its_length() -> None:
    """Calls, results, thoughts and words, 10,000 items in all."""
    sealed = seal([Reasoning("thought " * 10, "sig" * 50)])
    turn: list[dict[str, Any]] = []
    for number in range(2500):
        turn += [
            {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": sealed},
            {"type": "function_call", "call_id": f"c{number}", "name": "f", "namespace": "ns", "arguments": "{}"},
            {"type": "function_call_output", "call_id": f"c{number}", "output": "x" * 50},
            message("assistant", "Done.", number),
        ]
    began = time.perf_counter()
    how = decode({"model": MODEL, "input": turn[:5000]}, history=turn[5000:])
    assert time.perf_counter() - began < 5
    assert len(how.prompt.messages) == 5001
    assert len(how.input_items) == 5000
