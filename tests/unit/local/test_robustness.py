"""Nothing that can be posted makes the emulator itself fail: every answer is AWS's, or a rehearsed failure."""

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.emulator.messages import Request
from local.emulator.service import Service
from local.emulator.settings import Settings
from tests.examples import examples
from tests.unit.local.asking import assistant, tool_result, tool_use, tools, user

SERVICE = Service(Settings(record=0))
MODELS = ("amazon.nova-lite-v1%3A0", "us.anthropic.claude-opus-5", "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0")
NAMES = re.findall(
    r"\w+",
    """
    messages role content text image document format name source bytes toolUse toolUseId input toolResult json status
    system cachePoint type ttl reasoningContent reasoningText signature inferenceConfig maxTokens temperature topP
    stopSequences toolConfig tools toolSpec inputSchema toolChoice auto any tool outputConfig textFormat structure
    jsonSchema schema additionalModelRequestFields thinking budget_tokens guardrailConfig
    additionalModelResponseFieldPaths
    """,
)
WORDS = ("user", "assistant", "default", "5m", "png", "json_schema", "enabled", "AAAA", "/stop_sequence", "\ud800")

SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats(0, 2) | st.sampled_from(WORDS) | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
)
MARKER = st.sampled_from(
    re.findall(
        r"\S+",
        """
        throttle error error-frame cut hang stall no-stop no-usage bad-crc unknown-event delay tokens finish think citations
        context-overflow html-503 fail-once first-event-throttle
        """,
    )
)

VALUE = st.sampled_from(["", "=1", "=inf", "=nan", "=-1", "=x", "=ThrottlingException"])
OPTIONS = st.sampled_from(["", " after=2", " after=inf", " after=x", " tokens=5", " times=x", " redacted", " stream"])

WHOLE: dict[str, Any] = {
    "messages": [user("hi"), assistant("I call", tool_use()), user(tool_result())],
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "inferenceConfig": {"maxTokens": 50},
    "toolConfig": tools(),
}


def posted(body: Any, model: str, operation: str) -> Request:
    raw = json.dumps(body).encode()
    return Request("POST", f"/model/{model}/{operation}", {}, {"authorization": "Bearer x"}, raw)


def answer(body: Any, model: str, operation: str) -> tuple[int, bytes]:
    """Status and bytes of a reply, with every step of it taken."""
    reply = SERVICE.answer(posted(body, model, operation))
    data = b"".join(step.data for step in reply.steps)
    assert reply.cut_up is None or b"".join(reply.cut_up(data)) == data
    return reply.status, data


@settings(max_examples=examples(300))
@given(JSON, st.sampled_from(MODELS), st.sampled_from(["converse", "converse-stream", "invoke", "count-tokens"]))
def test_any_json(body: Any, model: str, operation: str) -> None:
    assert answer(body, model, operation)[0] in (200, 400)


@settings(max_examples=examples(300))
@given(st.data(), st.sampled_from(MODELS))
def test_a_good_body_with_one_part_replaced(data: st.DataObject, model: str) -> None:
    body = json.loads(json.dumps(WHOLE))
    place = body
    while isinstance(place, (dict, list)) and place:
        key: Any = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    assert answer(body, model, "converse-stream")[0] in (200, 400)


@settings(max_examples=examples(300))
@given(MARKER, VALUE, OPTIONS, st.sampled_from(["converse", "converse-stream"]))
def test_any_marker(name: str, value: str, options: str, operation: str) -> None:
    SERVICE.reset()
    status, _ = answer({"messages": [user(f"hi [[emulate: {name}{value}{options}]]")]}, MODELS[0], operation)
    rehearsed = name in ("throttle", "error", "html-503", "context-overflow", "fail-once")
    assert status == 200 or rehearsed
