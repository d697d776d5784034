"""Responses that are kept, made in the background, and conversations, through the official SDK."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from local.emulator import Emulator
from tests.contract.conftest import KEY, problem, sent, serving
from tests.contract.words import NOVA


def turns(body: dict[str, Any]) -> list[str]:
    return ["".join(part.get("text", "") for part in message["content"]) for message in body["messages"]]


def finished(client: OpenAI, id: str) -> Any:
    deadline = time.monotonic() + 10
    while (found := client.responses.retrieve(id)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline
    return found


def test_a_response_is_kept_listed_and_deleted(client: OpenAI) -> None:
    made = client.responses.create(model=NOVA, input="hello", metadata={"a": "b"})
    found = client.responses.retrieve(made.id)
    assert found.to_dict() == made.to_dict()
    assert found.output_text == "You said: hello"
    items = client.responses.input_items.list(made.id)
    assert [item.type for item in items] == ["message"]
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.retrieve(made.id)
    assert problem(caught.value) == ("invalid_request_error", "response_not_found", "response_id")


def test_a_response_continues_another(client: OpenAI, emulator: Emulator) -> None:
    first = client.responses.create(model=NOVA, input="one")
    with client.responses.stream(model=NOVA, input="two", previous_response_id=first.id) as stream:
        stream.until_done()
        second = stream.get_final_response()
    client.responses.create(model=NOVA, input="three", previous_response_id=second.id)
    assert turns(sent(emulator)[-1]) == ["one", "You said: one", "two", "You said: two", "three"]
    listed = client.responses.input_items.list(second.id, order="asc", limit=1)
    assert [item.to_dict()["role"] for item in listed] == ["user", "assistant", "user"]  # page by page


def test_what_is_not_there_cannot_be_continued(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model=NOVA, input="x", previous_response_id="resp_none")
    assert problem(caught.value) == (
        "invalid_request_error",
        "previous_response_not_found",
        "previous_response_id",
    )
    unstored = client.responses.create(model=NOVA, input="x", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=NOVA, input="x", previous_response_id=unstored.id)


def test_in_the_background_with_polling(client: OpenAI) -> None:
    made = client.responses.create(model=NOVA, input="hello", background=True)
    assert made.status == "queued"
    done = finished(client, made.id)
    assert (done.status, done.output_text) == ("completed", "You said: hello")
    assert client.responses.cancel(made.id).status == "completed"
    ordinary = client.responses.create(model=NOVA, input="hello")
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(ordinary.id)


def test_in_the_background_as_a_stream_that_is_taken_up_again(client: OpenAI) -> None:
    events = list(client.responses.create(model=NOVA, input="hello", background=True, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    again = client.responses.retrieve(events[-1].response.id, stream=True, starting_after=4)
    assert [event.to_dict() for event in again] == [event.to_dict() for event in events[5:]]


def test_a_conversation(client: OpenAI, emulator: Emulator) -> None:
    conversation = client.conversations.create(
        metadata={"topic": "x"}, items=[{"type": "message", "role": "user", "content": "I am Ann."}]
    )
    client.responses.create(model=NOVA, input="one", conversation=conversation.id)
    client.responses.create(model=NOVA, input="two", conversation={"id": conversation.id})
    said = "".join(turns(sent(emulator)[-1]))
    assert said == "I am Ann.oneYou said: onetwo".replace("You said: one", turns(sent(emulator)[-1])[1])
    items = list(client.conversations.items.list(conversation.id, order="asc", limit=2))
    assert len(items) == 5
    (added,) = client.conversations.items.create(
        conversation.id, items=[{"type": "message", "role": "user", "content": "more"}]
    ).data
    assert added.id is not None
    assert client.conversations.items.retrieve(added.id, conversation_id=conversation.id).to_dict() == added.to_dict()
    client.conversations.items.delete(added.id, conversation_id=conversation.id)
    assert len(list(client.conversations.items.list(conversation.id))) == 5
    assert client.conversations.update(conversation.id, metadata={"topic": "y"}).metadata == {"topic": "y"}
    assert client.conversations.retrieve(conversation.id).metadata == {"topic": "y"}
    assert client.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(conversation.id)


def test_counting_and_compacting(client: OpenAI, emulator: Emulator) -> None:
    assert client.responses.input_tokens.count(model=NOVA, input="hello there").input_tokens > 0
    first = client.responses.create(model=NOVA, input="one")
    compacted = client.responses.compact(model=NOVA, previous_response_id=first.id)
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    assert compacted.usage.total_tokens > 0
    given: Any = [*(item.to_dict(warnings=False) for item in compacted.output), {"role": "user", "content": "two"}]
    client.responses.create(model=NOVA, input=given)
    assert "[summary of the conversation so far]" in "".join(turns(sent(emulator)[-1]))
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.compact(model=None, input="x")
    assert caught.value.param == "model"


def test_an_item_is_referred_to(client: OpenAI, emulator: Emulator) -> None:
    made = client.responses.create(model=NOVA, input="one")
    reference: Any = {"type": "item_reference", "id": made.output[0].id}
    client.responses.create(
        model=NOVA, input=[{"role": "user", "content": "zero"}, reference, {"role": "user", "content": "x"}]
    )
    assert turns(sent(emulator)[-1]) == ["zero", "You said: one", "x"]


def test_a_gateway_that_keeps_nothing(running_emulator: Emulator) -> None:
    with (
        serving(running_emulator.url, responses_store=False) as url,
        OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=20) as client,
    ):
        made = client.responses.create(model=NOVA, input="hello")
        assert made.to_dict()["store"] is False
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            client.conversations.create()
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model=NOVA, input="hello", background=True)
