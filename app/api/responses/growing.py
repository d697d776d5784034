"""Items of an answer while they grow: a message, a thought, a call. Each tells its events and becomes the finished item."""

from __future__ import annotations

from abc import ABC, abstractmethod
from io import StringIO
from typing import Any

from pydantic_core import from_json

from app.api.responses.encode import (
    DECLINED,
    annotation,
    call_item,
    compaction_item,
    message_item,
    reasoning_item,
    text_part,
    unsealed,
)
from app.api.responses.frames import Frames, Where
from app.api.responses.freeform import Freeform
from app.api.responses.shape import Item, Named
from app.core.events import Cited
from app.core.json_values import parse_or_mend
from app.core.prompt import Reasoning


class Growing(ABC):
    """`index`: its place in the output. `close` tells that it is done, in which status, and gives the item."""

    def __init__(self, frames: Frames, item_id: str, index: int) -> None:
        self.frames = frames
        self.id = item_id
        self.index = index

    def place(self, **part: int) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.index, **part}

    def added(self, item: Item) -> None:
        self.frames.add("response.output_item.added", {"output_index": self.index, "item": item})

    def done(self, item: Item) -> Item:
        self.frames.add("response.output_item.done", {"output_index": self.index, "item": item})
        return item

    @abstractmethod
    def close(self, status: str) -> Item: ...


class Message(Growing):
    """One message with one part of text, however many blocks it comes in. `base`: characters of the answer before it."""

    def __init__(self, frames: Frames, item_id: str, index: int, base: int) -> None:
        super().__init__(frames, item_id, index)
        self.added(message_item(item_id, "in_progress", ()))
        self._at = self.place(content_index=0)
        frames.add("response.content_part.added", self._at | {"part": text_part("")})
        self._where = Where("response.output_text.delta", self._at, logprobs=True)
        self._text = StringIO()
        self._annotations: list[Item] = []
        self._base = base

    def text(self, text: str) -> None:
        self._text.write(text)
        self.frames.delta(self._where, text)

    def cited(self, cited: Cited) -> None:
        found = annotation(cited, self._base)
        place = self._at | {"annotation_index": len(self._annotations), "annotation": found}
        self._annotations.append(found)
        self.frames.add("response.output_text.annotation.added", place)

    @property
    def end(self) -> int:
        """Characters of the answer up to here."""
        return self._base + self._text.tell()

    def close(self, status: str) -> Item:
        part = text_part(self._text.getvalue(), self._annotations)
        self.frames.add("response.output_text.done", self._at | {"text": part["text"], "logprobs": []})
        self.frames.add("response.content_part.done", self._at | {"part": part})
        return self.done(message_item(self.id, status, [part]))


class Summary(Growing):
    """What replaces the conversation. Its text goes to the client sealed, and only when it is whole."""

    def __init__(self, frames: Frames, item_id: str, index: int) -> None:
        super().__init__(frames, item_id, index)
        self._text = StringIO()
        self.added({"id": item_id, "type": "compaction", "encrypted_content": ""})
        frames.add("response.compaction.compacting", self.place())

    def text(self, text: str) -> None:
        self._text.write(text)

    def close(self, status: str) -> Item:
        return self.done(compaction_item(self.id, self._text.getvalue().strip()))


class Refusal(Growing):
    """A message of a model that was stopped before it said a word."""

    def close(self, status: str) -> Item:
        self.added(message_item(self.id, "in_progress", ()))
        at, part = self.place(content_index=0), {"type": "refusal", "refusal": DECLINED}
        self.frames.add("response.content_part.added", at | {"part": part | {"refusal": ""}})
        self.frames.delta(Where("response.refusal.delta", at), DECLINED)
        self.frames.add("response.refusal.done", at | {"refusal": DECLINED})
        self.frames.add("response.content_part.done", at | {"part": part})
        return self.done(message_item(self.id, status, [part]))


class Thought(Growing):
    """A block of reasoning: as a summary where the client asked for one, else as the raw text it is.

    `sealed`: whether the client asked for the `encrypted_content`; the item that is kept has it always.
    """

    def __init__(self, frames: Frames, item_id: str, index: int, *, summary: bool, sealed: bool) -> None:
        super().__init__(frames, item_id, index)
        self.added({"id": item_id, "type": "reasoning", "summary": []})
        self._summary, self._sealed = summary, sealed
        self._at: dict[str, Any] = {}
        self._where: Where | None = None
        self._text, self._signature = StringIO(), StringIO()
        self._redacted = ""

    def text(self, text: str) -> None:
        if text:
            self._text.write(text)
            self.frames.delta(self._where or self._begun(), text)

    def signed(self, signature: str) -> None:
        self._signature.write(signature)

    def redacted(self, data: str) -> None:
        self._redacted = data

    def close(self, status: str) -> Item:
        block = Reasoning(self._text.getvalue(), self._signature.getvalue(), self._redacted)
        if self._where is not None:
            self._ended(block.text)
        item = reasoning_item(self.id, block, summary=self._summary)
        if status == "incomplete":
            item["status"] = status
        self.done(item if self._sealed else unsealed(item))
        return item

    def _begun(self) -> Where:
        if self._summary:
            self._at = self.place(summary_index=0)
            part = {"type": "summary_text", "text": ""}
            self.frames.add("response.reasoning_summary_part.added", self._at | {"part": part})
            self._where = Where("response.reasoning_summary_text.delta", self._at)
        else:
            self._at = self.place(content_index=0)
            part = {"type": "reasoning_text", "text": ""}
            self.frames.add("response.content_part.added", self._at | {"part": part})
            self._where = Where("response.reasoning_text.delta", self._at)
        return self._where

    def _ended(self, text: str) -> None:
        if self._summary:
            part = {"type": "summary_text", "text": text}
            self.frames.add("response.reasoning_summary_text.done", self._at | {"text": text})
            self.frames.add("response.reasoning_summary_part.done", self._at | {"part": part})
        else:
            part = {"type": "reasoning_text", "text": text}
            self.frames.add("response.reasoning_text.done", self._at | {"text": text})
            self.frames.add("response.content_part.done", self._at | {"part": part})


class ToolUse(Growing):
    """A call. `stopped`: its block has ended, so that only its end is still to be told."""

    def __init__(self, frames: Frames, item_id: str, index: int, call_id: str, tool: Named) -> None:
        super().__init__(frames, item_id, index)
        self.stopped = False
        self._call_id, self._tool = call_id, tool
        self._text = StringIO()
        self._freeform = Freeform() if tool.kind == "custom" else None
        event = "custom_tool_call_input" if self._freeform else "function_call_arguments"
        self._where = Where(f"response.{event}.delta", self.place())
        self.added(call_item(item_id, call_id, tool, "in_progress", {} if tool.kind == "tool_search" else ""))

    def arguments(self, fragment: str) -> None:
        if self._freeform is not None:
            self._said(self._freeform.feed(fragment))
        elif self._tool.kind == "function":
            self._said(fragment)
        else:
            self._text.write(fragment)

    def close(self, status: str) -> Item:
        if self._freeform is not None:
            self._said(self._freeform.finish())
        value: Any = self._text.getvalue()
        if self._freeform is not None:
            self.frames.add("response.custom_tool_call_input.done", self.place() | {"input": value})
        elif self._tool.kind == "function":
            done = self.place() | {"name": self._tool.name, "arguments": value}
            self.frames.add("response.function_call_arguments.done", done)
        else:
            value = _object(value)
        return self.done(call_item(self.id, self._call_id, self._tool, status, value))

    def _said(self, text: str) -> None:
        if text:
            self._text.write(text)
            self.frames.delta(self._where, text)


def _object(text: str) -> Any:
    """A search's arguments are an object on the wire; broken ones are none."""
    try:
        value = parse_or_mend(text, from_json)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
