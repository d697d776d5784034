"""Which media of a conversation may be replaced by a placeholder."""

from __future__ import annotations

import pytest

from app.core import sources
from app.core.old_media import mark_old_media
from app.core.prompt import Blob, Broken, Media, Message, Text, ToolCall, ToolResult
from app.errors import InvalidRequest

GOOD = Media("image", Blob("YWJj", 3))
BAD = Media("image", Broken("No image.", "invalid_image_format"), param="messages.0.content.0")
CALL = Message("assistant", (ToolCall("c", "f", "{}"),))
ANSWER = Message("assistant", (Text("Fine."),))
ASK = Message("user", (Text("Go on."),))


def optional(*messages: Message) -> list[bool]:
    found = []
    for message in mark_old_media(messages):
        for part in message.parts:
            inner = part.content if isinstance(part, ToolResult) else (part,)
            found += [item.optional for item in inner if isinstance(item, Media)]
    return found


def test_media_of_older_turns_and_of_tool_results_are_optional() -> None:
    picture = Message("user", (GOOD, Text("What is this?")))
    result = Message("user", (ToolResult("c", (GOOD, Text("a"))), GOOD))
    assert optional(picture) == [False]
    assert optional(picture, picture) == [False, False]
    assert optional(picture, ANSWER, picture) == [True, False]
    assert optional(picture, ANSWER) == [False]
    assert optional(picture, CALL, result) == [True, True, False]
    assert optional(ANSWER) == []
    assert mark_old_media((ASK,))[0] is ASK


def test_a_broken_image_is_an_error_in_the_last_user_turn_only() -> None:
    picture = Message("user", (BAD,))
    assert optional(picture, ANSWER, ASK) == [True]
    assert optional(ASK, CALL, Message("user", (ToolResult("c", (BAD,)),))) == [True]
    for messages in ((picture,), (picture, ASK), (ASK, ANSWER, picture), (picture, ANSWER)):
        with pytest.raises(InvalidRequest, match="No image") as caught:
            mark_old_media(messages)
        assert (caught.value.param, caught.value.code) == ("messages.0.content.0", "invalid_image_format")


@pytest.mark.parametrize(
    ("part_type", "kind", "what"),
    [("input_image", "image", ""), ("computer_screenshot", "image", ""), ("input_audio", "audio", ""),
     ("video_url", "video", ""), ("input_file", "document", ""), ("smell", "document", "content")],
)  # fmt: skip
def test_a_broken_part_keeps_its_kind_and_its_error(part_type: str, kind: str, what: str) -> None:
    found = sources.broken(part_type, InvalidRequest("No.", param="input.0", code="c"))
    assert (found.kind, found.source, found.param) == (kind, Broken("No.", "c", what), "input.0")
    assert found.called == (what or kind)
