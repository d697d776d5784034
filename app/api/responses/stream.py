"""The gateway's events as the events of a response; what they add up to is the response itself.

The order is OpenAI's: created, (queued,) in_progress, then the items, then completed, incomplete or failed, then `[DONE]`.
An item is closed when the next one begins, or at the end: only then it is known whether the answer was cut off in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_json

from app.api.responses.encode import SEALED, encode_error, encode_error_event, response_object, shown
from app.api.responses.frames import DONE, Frames, OnEvent
from app.api.responses.growing import Growing, Message, Refusal, Summary, Thought, ToolUse
from app.api.responses.ids import made_id, new_id
from app.api.responses.shape import Decoded, Item, Named
from app.core.events import (
    Batch,
    BlockStopped,
    Cited,
    Finished,
    Metered,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSigned,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)


class ResponseStream:
    """An `Encoder`. `on_event` is told the number and frame of each event; `begin` may be called before the first batch."""

    def __init__(
        self,
        response_id: str,
        created: int,
        decoded: Decoded,
        *,
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._id, self._created, self._decoded, self._clock = response_id, created, decoded, clock
        self._frames = Frames(on_event)
        self._begun = False
        self._items: list[Item | None] = []
        self._message: Message | None = None
        self._thought: Thought | None = None
        self._summary: Summary | None = None
        self._calls: dict[int, ToolUse] = {}
        self._call_ids: set[str] = set()
        self._said = 0
        self._finished: Finished | None = None
        self._usage: Usage | None = None
        self._tier = ""
        self._last: bytes | None = None
        self.kept: dict[str, Any] = self._response("queued" if decoded.background else "in_progress")

    @property
    def response(self) -> dict[str, Any]:
        """The response as the client may see it."""
        return shown(self.kept, self._decoded.include)

    def begin(self) -> bytes:
        self._begun = True
        first = to_json({"response": self.kept})
        self._frames.add_json("response.created", first)
        if self._decoded.background:
            self._frames.add_json("response.queued", first)
            self.kept = self._response("in_progress")
            first = to_json({"response": self.kept})
        self._frames.add_json("response.in_progress", first)
        return self._frames.take()

    def feed(self, choice: int, batch: Batch) -> bytes:
        """The frames for a batch, ready to send; empty where it says nothing to a client."""
        opening = b"" if self._begun else self.begin()
        if self._decoded.compacts:
            batch = self._summarized(batch)
        for event in batch:
            kind = type(event)
            if kind is TextDelta:
                (self._message or self._speak()).text(event.text)  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                self._calls[event.index].arguments(event.arguments)  # type: ignore[union-attr]
            elif kind is ReasoningDelta:
                (self._thought or self._think()).text(event.text)  # type: ignore[union-attr]
            else:
                self._other(event)
        return opening + self._frames.take() if opening else self._frames.take()

    def finish(self) -> bytes:
        """The end, as often as it is asked for: whoever keeps the response wants it before it is sent."""
        if self._last is not None:
            return self._last
        opening = b"" if self._begun else self.begin()
        reason = self._finished.reason if self._finished else "stop"
        self._close_all("completed")
        incomplete = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reason, "")
        if incomplete:
            self.kept = self._response("incomplete", incomplete=incomplete)
        else:
            self.kept = self._response("completed", completed_at=int(self._clock()))
        return self._end(opening)

    def fail(self, body: Mapping[str, Any], *, error_event: bool = True) -> bytes:
        """Closes what is open as incomplete, then sends `error` and `response.failed`. `body`: OpenAI's envelope.

        Both events are needed: many clients raise only at `error`, and others only read the status of the response. On a
        WebSocket `error` alone ends a request, so it is left out there.
        """
        if self._last is not None:
            return self._last
        opening = b"" if self._begun else self.begin()
        self._close_all("incomplete")
        self.kept = self._response("failed", error=encode_error(body["error"]))
        if error_event:
            self._frames.add("error", encode_error_event(body["error"]))
        return self._end(opening)

    def _end(self, opening: bytes) -> bytes:
        self._frames.add(f"response.{self.kept['status']}", {"response": self.response})
        self._last = opening + self._frames.take() + DONE
        return self._last

    def _response(self, status: str, **told: Any) -> dict[str, Any]:
        items = [item for item in self._items if item is not None]
        return response_object(
            self._id,
            self._created,
            self._decoded,
            status=status,
            output=items,
            usage=self._usage,
            tier=self._tier,
            **told,
        )

    def _summarized(self, batch: Batch) -> Batch:
        """Takes the text of a summary. Of the rest only the end counts: a summary has no thoughts and no calls."""
        for event in batch:
            if isinstance(event, TextDelta):
                self._summary = self._summary or Summary(self._frames, *self._slot("compaction"))
                self._summary.text(event.text)
        return [event for event in batch if isinstance(event, Finished | Metered)]

    def _other(self, event: object) -> None:
        match event:
            case ReasoningSigned(signature):
                (self._thought or self._think()).signed(signature)
            case ReasoningRedacted(data):
                self._close_speech()
                self._think().redacted(data)
                self._close_thought()
            case ToolCallStarted(index, call_id, name):
                self._call(index, call_id, name)
            case Cited() if self._message is not None:
                self._message.cited(event)
            case BlockStopped():
                self._stopped()
            case Finished():
                self._finish(event)
            case Metered(usage, tier):
                self._usage, self._tier = usage, tier or self._tier
            case _:
                pass  # Started; a citation of nothing

    def _slot(self, kind: str) -> tuple[str, int]:
        """The id and the place of the next item."""
        self._items.append(None)
        place = len(self._items) - 1
        return made_id(kind, self._id, place), place

    def _keep(self, item: Growing, status: str) -> None:
        self._items[item.index] = item.close(status)

    def _speak(self) -> Message:
        self._close_thought()
        self._close_calls()
        self._message = Message(self._frames, *self._slot("message"), self._said)
        return self._message

    def _think(self) -> Thought:
        self._close_speech()
        self._close_calls()
        include, summary = self._decoded.include, self._decoded.summary
        self._thought = Thought(self._frames, *self._slot("reasoning"), summary=summary, sealed=SEALED in include)
        return self._thought

    def _call(self, index: int, call_id: str, name: str) -> None:
        self._close_speech()
        self._close_thought()
        self._close_calls()
        tool = self._decoded.names.get(name) or Named("function", name)
        while not call_id or call_id in self._call_ids:
            call_id = new_id("call_")  # the SDK takes two calls of one id for one (openai 3.52)
        self._call_ids.add(call_id)
        self._calls[index] = ToolUse(self._frames, *self._slot(f"{tool.kind}_call"), call_id, tool)

    def _stopped(self) -> None:
        """Which of several calls a block's end belongs to isn't told; then they all stay open to the end."""
        self._close_thought()
        if len(self._calls) == 1:
            next(iter(self._calls.values())).stopped = True

    def _finish(self, finished: Finished) -> None:
        self._finished = finished
        cut = finished.reason in ("length", "content_filter")
        if finished.reason == "content_filter" and self._silent():
            self._close_thought()
            self._keep(Refusal(self._frames, *self._slot("message")), "completed")
        self._close_all("incomplete" if cut else "completed")

    def _silent(self) -> bool:
        """Whether there are thoughts at most."""
        thoughts = all(item["type"] == "reasoning" for item in self._items if item is not None)
        return self._message is None and not self._calls and thoughts

    def _open(self) -> list[Growing]:
        items = (self._thought, self._message, self._summary, *self._calls.values())
        return [item for item in items if item is not None]

    def _close_all(self, status: str) -> None:
        """Of several open calls, those that have ended are whole, whatever became of the last one."""
        items = sorted(self._open(), key=lambda item: item.index)
        for item in items:
            whole = isinstance(item, ToolUse) and item.stopped and item is not items[-1]
            self._keep(item, "completed" if whole else status)
        self._message = self._thought = self._summary = None
        self._calls.clear()

    def _close_speech(self) -> None:
        if self._message is not None:
            self._said = self._message.end
            self._keep(self._message, "completed")
            self._message = None

    def _close_thought(self) -> None:
        if self._thought is not None:
            self._keep(self._thought, "completed")
            self._thought = None

    def _close_calls(self) -> None:
        for index, call in list(self._calls.items()):
            if call.stopped:
                self._keep(call, "completed")
                del self._calls[index]
