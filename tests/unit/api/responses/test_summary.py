"""A `compaction_trigger` at the end of the input: the answer is one compaction item, and what continues it has the summary."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.api.responses.sealed import Unsealer, seal_summary
from app.api.responses.summary import MAX_SUMMARY_LENGTH, checked_summary, since_summary
from app.core.events import (
    Batch,
    BlockStopped,
    Event,
    Finished,
    Metered,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from app.core.prompt import Message, Text, ToolChoice
from app.errors import InvalidRequest, UpstreamFailure
from tests.unit.api.responses.bodies import WEATHER, decoded, made, message, told
from tests.unit.api.responses.serving import MODEL, Served, spoken
from tests.unit.api.responses.test_websocket import Socket

TRIGGER = {"type": "compaction_trigger"}
USER = {"role": "user", "content": "one"}
SAID: list[Event] = [
    Started(), ReasoningDelta("Hm."), BlockStopped(), TextDelta(" All "), TextDelta("done.\n"), BlockStopped(),
    ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{}"), BlockStopped(), Finished("stop"), Metered(Usage(3, 4)),
]  # fmt: skip


def summary_in(item: dict[str, Any]) -> str | None:
    assert item.keys() == {"id", "type", "encrypted_content"}
    assert item["id"].startswith("cmp_")
    return Unsealer().summary(item["encrypted_content"])


def test_the_answer_is_one_compaction_item() -> None:
    response = made(SAID, input=[USER, TRIGGER])
    assert response["status"] == "completed"
    assert response["usage"]["total_tokens"] == 7
    (item,) = response["output"]
    assert summary_in(item) == "All done."


def test_a_stream_tells_of_one_compaction_item_and_not_of_its_text() -> None:
    events = told(SAID, input=[USER, TRIGGER])
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created", "in_progress", "output_item.added", "compaction.compacting", "output_item.done", "completed"
    ]  # fmt: skip
    added, compacting, done = events[2:5]
    assert added["item"] == {"id": done["item"]["id"], "type": "compaction", "encrypted_content": ""}
    assert (compacting["item_id"], compacting["output_index"]) == (done["item"]["id"], 0)
    assert summary_in(done["item"]) == "All done."
    assert "done." not in json.dumps(events)


def test_a_summary_that_was_cut_off_is_incomplete() -> None:
    response = made([TextDelta("All"), Finished("length"), Metered(Usage())], input=[USER, TRIGGER])
    assert (response["status"], len(response["output"])) == ("incomplete", 1)


def test_the_model_is_asked_for_a_summary_and_gets_no_tools() -> None:
    how = decoded(
        input=[USER, TRIGGER],
        instructions="Be brief.",
        tools=[WEATHER, {"type": "web_search"}],
        tool_choice="required",
        text={"verbosity": "low", "format": {"type": "json_object"}},
    )
    prompt = how.prompt
    assert how.compacts
    assert (prompt.tools, prompt.tool_choice, prompt.response_format) == ((), ToolChoice(), None)
    assert not prompt.grounding
    assert [turn.role for turn in prompt.messages] == ["user", "user"]
    (task,) = prompt.messages[-1].parts
    assert isinstance(task, Text)
    assert task.text.endswith("The instructions in this conversation were:\nBe brief.")


@pytest.mark.parametrize("instructions", [None, " "])
def test_without_instructions_the_task_names_none(instructions: str | None) -> None:
    (task,) = decoded(input=[USER, TRIGGER], instructions=instructions).prompt.messages[-1].parts
    assert isinstance(task, Text)
    assert task.text.endswith("call no tools.")


def test_the_trigger_is_no_item_of_the_input() -> None:
    assert [item["type"] for item in decoded(input=[USER, TRIGGER]).input_items] == ["message"]


def test_a_trigger_elsewhere_compacts_nothing() -> None:
    how = decoded(input=[TRIGGER, USER])
    assert not how.compacts
    assert how.prompt.messages == (Message("user", (Text("one"),)),)
    assert how.repairs == {"dropped-item": 1}
    assert [item["type"] for item in how.input_items] == ["message"]


def test_there_must_be_something_to_compact() -> None:
    with pytest.raises(InvalidRequest, match="input"):
        decoded(input=[TRIGGER], instructions="Be brief.")


def test_what_precedes_a_summary_is_the_words_of_the_user() -> None:
    ours = {"type": "compaction", "encrypted_content": seal_summary("x")}
    foreign = {"type": "compaction", "encrypted_content": "gAAAA"}
    first, answer, last = message("user", "1", 0), message("assistant", "2", 1), message("user", "3", 2)
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    assert since_summary([]) == []
    assert since_summary([first, answer]) == [first, answer]
    assert since_summary([first, answer, call, ours, answer, last]) == [first, ours, answer, last]
    assert since_summary([ours, answer, USER, ours]) == [USER, ours]
    assert since_summary([answer, foreign, last]) == [answer, foreign, last]


async def checked(*batches: Batch) -> list[Any]:
    async def events() -> AsyncGenerator[tuple[int, Batch], None]:
        for batch in batches:
            yield 0, batch

    return [item async for item in checked_summary(events())]


async def test_a_summary_that_can_be_used_passes() -> None:
    assert await checked(SAID) == [(0, SAID)]


@pytest.mark.parametrize("text", ["", " \n", "x" * (MAX_SUMMARY_LENGTH + 1)], ids=["none", "blank", "long"])
async def test_a_summary_that_cannot_be_used_is_a_failure(text: str) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await checked([TextDelta(text)], [Finished("stop")])
    assert caught.value.code == "empty_answer"


async def test_a_conversation_that_was_compacted_goes_on_with_its_summary() -> None:
    served = Served()
    async with served.client() as ann:
        first = await ann.create("one")
        second = await ann.create("", input=[TRIGGER], previous_response_id=first["id"])
        assert [item["type"] for item in second["output"]] == ["compaction"]
        await ann.create("two", previous_response_id=second["id"])
        spoke = spoken(served.model.prompts[-1])
        assert (spoke[0], spoke[-1], len(spoke)) == ("u:one", "u:two", 3)
        assert "[summary of the conversation so far]" in spoke[1]
        items = await ann.ok("GET", f"/responses/{second['id']}/input_items")
        assert "compaction_trigger" not in [item["type"] for item in items["data"]]


async def test_a_background_response_and_a_web_socket_compact_as_well() -> None:
    served = Served()
    async with served.client() as ann:
        queued = await ann.create("", input=[USER, TRIGGER], background=True)
        done = await ann.until(queued["id"], lambda found: found["status"] == "completed")
        assert [item["type"] for item in done["output"]] == ["compaction"]
    socket = Socket(served)
    socket.ask([USER, TRIGGER])
    heard = await socket.answer()
    assert [item["type"] for item in heard[-1]["response"]["output"]] == ["compaction"]
    await socket.leave()


async def test_a_summary_of_nothing_is_a_failure_of_its_request() -> None:
    served = Served()
    served.model.silent = True
    async with served.client() as ann:
        body = {"model": MODEL, "input": [USER, TRIGGER]}
        assert (await ann.no("POST", "/responses", body))[:2] == (502, "empty_answer")
        events = await ann.stream("POST", "/responses", body | {"stream": True})
        failed = next(event for event in events if event != "[DONE]" and event["type"] == "response.failed")
        assert failed["response"]["output"] == []
