"""A stream, put together by the official SDK, is the whole answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from app.api.responses.parameters import EVENTS
from app.core.events import Batch, Event, fold
from app.core.prompt import Text
from tests.unit.api.responses.bodies import events_of, stream
from tests.unit.core.answers import streams

DIALECTS = st.fixed_dictionaries({}, optional={
    "tools": st.just([{"type": "custom", "name": "patch"}]), "reasoning": st.just({"summary": "auto"}),
    "include": st.just(["reasoning.encrypted_content"]),
})  # fmt: skip
STRICT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
PATIENT = settings(deadline=None)  # the SDK builds its models at their first use


def encoded(batches: list[Batch], fields: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    encoder = stream(**fields)
    data = b"".join(encoder.feed(0, batch) for batch in batches) + encoder.finish()
    assert data.endswith(b"data: [DONE]\n\n")
    return events_of(data), encoder.response


@PATIENT
@given(streams(), DIALECTS)
def test_a_stream_adds_up_to_the_whole_answer(stream: tuple[list[Event], list[Batch]], fields: dict[str, Any]) -> None:
    events, response = encoded(stream[1], fields)
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(STRICT.validate_python(event))
    assert events[-1]["response"] == json.loads(json.dumps(response))
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    order = [event["output_index"] for event in events if event["type"] == "response.output_item.done"]
    assert [item for _, item in sorted(zip(order, done, strict=True), key=lambda pair: pair[0])] == response["output"]
    Response.model_validate(response)
    assert {event["type"] for event in events} <= EVENTS.keys()


@given(streams(), DIALECTS)
def test_deltas_add_up_to_their_items(stream: tuple[list[Event], list[Batch]], fields: dict[str, Any]) -> None:
    events, response = encoded(stream[1], fields)
    open_items: dict[int, str] = {}
    for event in events:
        index = event.get("output_index", -1)
        if event["type"] == "response.output_item.added":
            assert index == len(open_items)
            open_items[index] = ""
        elif event["type"].endswith(".delta"):
            assert event["item_id"] == response["output"][index]["id"]
            open_items[index] += event["delta"]
    assert list(open_items.values()) == [_text(item) for item in response["output"]]


def _text(item: dict[str, Any]) -> str:
    match item["type"]:
        case "message":
            part = item["content"][0]
            return str(part.get("text", part.get("refusal")))
        case "reasoning":
            return "".join(part["text"] for part in item["summary"] or item.get("content", ()))
        case "function_call":
            return str(item["arguments"])
        case _:
            return str(item["input"])


@given(streams(), DIALECTS)
def test_nothing_of_the_answer_is_lost(stream: tuple[list[Event], list[Batch]], fields: dict[str, Any]) -> None:
    """Against the fold that chat completions are made of."""
    reply = fold([stream[0]])
    _, response = encoded(stream[1], fields)
    texts = [part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]
             if part["type"] == "output_text"]  # fmt: skip
    assert "".join(texts) == reply.text
    assert len(texts) == sum(
        isinstance(part, Text) and not isinstance(before, Text)
        for before, part in zip([None, *reply.parts], reply.parts, strict=False)
    )
    calls = [item["call_id"] for item in response["output"] if item["type"].endswith("_call")]
    assert calls == [call.id for call in reply.tool_calls]
    assert sum(item["type"] == "reasoning" for item in response["output"]) == len(reply.reasoning)
    annotated = [part["annotations"] for item in response["output"] if item["type"] == "message"
                 for part in item["content"] if part["type"] == "output_text"]  # fmt: skip
    assert sum(map(len, annotated)) == len(reply.citations)


@PATIENT
@given(streams(), st.integers(0, 20))
def test_a_stream_that_breaks_anywhere_is_told_to_have_failed(
    answer: tuple[list[Event], list[Batch]], place: int
) -> None:
    encoder = stream()
    data = b"".join(encoder.feed(0, [event]) for event in answer[0][:-2][:place])
    data += encoder.fail({"error": {"message": "x", "type": "server_error", "code": None, "param": None}})
    events = events_of(data)
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(STRICT.validate_python(event))
    added = sum(event["type"] == "response.output_item.added" for event in events)
    done = sum(event["type"] == "response.output_item.done" for event in events)
    assert added == done == len(events[-1]["response"]["output"])
    assert events[-1]["type"] == "response.failed"
