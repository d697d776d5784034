"""Items come back in the published form, whatever shorthand they were sent in. The recorder checks their types."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI

from tests.contract.words import CLAUDE, data_url, png

IMAGE: Any = {"type": "input_image", "image_url": data_url(png(), "image/png")}
SHORTHAND: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "two"},
    {"role": "assistant", "content": [{"type": "output_text", "text": "three"}]},
    {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": [IMAGE]},
    {"role": "user", "content": [{"type": "input_text", "text": "four"}, IMAGE]},
]


def assert_in_full(items: list[Any]) -> None:
    for item in (item if isinstance(item, dict) else item.to_dict() for item in items):
        assert item["id"]
        assert item["type"] == "compaction" or item["status"] == "completed"
        if item["type"] == "message":
            assert isinstance(item["content"], list)
            for part in item["content"]:
                assert part["type"] != "output_text" or (part["logprobs"], part["annotations"]) == ([], [])
                assert part["type"] != "input_image" or part["detail"] == "auto"


@pytest.mark.parametrize("given", ["Hello", SHORTHAND], ids=["text", "items"])
def test_input_items_come_back_in_full(client: OpenAI, given: Any) -> None:
    made = client.responses.create(model=CLAUDE, input=given)
    items = client.responses.input_items.list(made.id, order="asc").data
    assert len(items) == (1 if given == "Hello" else len(SHORTHAND))
    assert_in_full(items)


@pytest.mark.parametrize("given", ["Hello", SHORTHAND], ids=["text", "items"])
def test_the_output_of_a_compaction_is_in_full(client: OpenAI, given: Any) -> None:
    reply = client.responses.with_raw_response.compact(model=CLAUDE, input=given)
    output = reply.http_response.json()["output"]  # the SDK's union has no user message
    assert output[-1]["type"] == "compaction"
    assert len(output) == (2 if given == "Hello" else 3)
    assert_in_full(output)


def test_items_of_a_conversation_come_back_in_full(client: OpenAI) -> None:
    conversation = client.conversations.create(items=SHORTHAND[:2])
    added = client.conversations.items.create(conversation.id, items=SHORTHAND[2:]).data
    assert_in_full(list(added))
    client.responses.create(model=CLAUDE, input="five", conversation=conversation.id)
    listed = client.conversations.items.list(conversation.id, order="asc").data
    assert len(listed) == len(SHORTHAND) + 2
    assert_in_full(listed)
    for item in listed:
        one = client.conversations.items.retrieve(str(item.id), conversation_id=conversation.id)
        assert_in_full([one])


def test_a_conversation_without_items_is_an_empty_list(client: OpenAI) -> None:
    assert client.conversations.items.list(client.conversations.create().id).data == []


TRIGGER: Any = {"type": "compaction_trigger"}


def test_a_compaction_trigger_gives_one_compaction_item(client: OpenAI) -> None:
    made = client.responses.create(model=CLAUDE, input=[*SHORTHAND, TRIGGER])
    assert [item.type for item in made.output] == ["compaction"]
    assert made.status == "completed"


def test_a_compaction_trigger_gives_one_compaction_item_streamed(client: OpenAI) -> None:
    stream = client.responses.create(model=CLAUDE, input=[*SHORTHAND, TRIGGER], stream=True)
    kinds = [event.type.removeprefix("response.") for event in stream]
    assert kinds == [
        "created", "in_progress", "output_item.added", "compaction.compacting", "output_item.done", "completed"
    ]  # fmt: skip
