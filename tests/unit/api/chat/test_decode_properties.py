"""Whatever JSON comes in, it is a prompt or a 400."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.chat.decode import Decoded, decode
from app.core.prompt import Text, ToolCall
from app.errors import InvalidRequest
from tests.examples import examples
from tests.unit.api.chat.bodies import JSON, mutants, requests


def attempt(body: Any) -> Decoded | None:
    try:
        return decode(body)
    except (InvalidRequest, ValidationError):
        return None


@settings(max_examples=examples(300))
@given(JSON)
def test_any_json_is_a_prompt_or_a_400(body: Any) -> None:
    attempt(body)


@settings(max_examples=examples(600), suppress_health_check=[HealthCheck.too_slow])
@given(mutants())
def test_a_request_with_something_wrong_in_it_is_a_prompt_or_a_400(body: dict[str, Any]) -> None:
    attempt(body)


@given(requests())
def test_what_was_said_stays_verbatim(body: dict[str, Any]) -> None:
    decoded = attempt(body)
    if decoded is None:
        return
    prompt = decoded.prompt
    assert len(prompt.messages) == len(body["messages"])
    for message, said in zip(prompt.messages, body["messages"], strict=True):
        if isinstance(said.get("content"), str) and said["role"] in ("user", "system"):
            assert message.parts == (Text(said["content"]),)
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        assert [(call.id, call.arguments) for call in calls] == [
            (call["id"], call["function"]["arguments"]) for call in said.get("tool_calls", ())
        ]


@given(requests(), st.sampled_from(["model", "messages"]), st.sampled_from([None, 0, {}, ""]))
def test_what_is_required_is_required(body: dict[str, Any], name: str, value: Any) -> None:
    assert attempt(body | {name: value}) is None
    assert attempt({key: held for key, held in body.items() if key != name}) is None
