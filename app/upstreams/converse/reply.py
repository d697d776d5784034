"""Converse's events as the gateway's own: one machine per answer, streamed or whole. Pure but for its own state.

A whole reply is put through the machine as the events it would have been, so that there is one mapping and not two.
"""

from __future__ import annotations

import logging
from typing import Any

from pydantic_core import to_json

from app.core.events import (
    BlockStopped,
    Event,
    Finished,
    FinishReason,
    Metered,
    Started,
    TextDelta,
)
from app.core.plan import Plan
from app.core.reasoning_origin import mark_of
from app.errors import UpstreamFailure
from app.upstreams.converse.citations import to_cited
from app.upstreams.converse.text_filters import Chain, HeldBack, JsonOnly, TextFilter, ThinkingTags
from app.upstreams.converse.thoughts import Thoughts
from app.upstreams.converse.tool_calls import ToolCalls
from app.upstreams.converse.usage import thinking_tokens, to_metered

log = logging.getLogger(__name__)

FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
}
_MALFORMED = ("malformed_model_output", "malformed_tool_use")


class ReplyMachine:
    """`feed` for each event in order, then `close`; or `whole` for a whole reply."""

    def __init__(self, plan: Plan, upstream_id: str = "") -> None:
        self._plan = plan
        self._upstream_id = upstream_id
        self._held = HeldBack() if plan.json_tool else None
        self._filter = _filter(plan, self._held)
        self._calls = ToolCalls(plan, self._held)
        self._thoughts = Thoughts(mark_of(plan.target.reasoning_family))
        self._block: int | None = None
        self._characters = 0
        self._block_start = 0
        self._finish: tuple[str, dict[str, Any]] | None = None
        self._reasoning_tokens: int | None = None
        self._is_metered = False

    def feed(self, name: str, event: dict[str, Any]) -> list[Event]:
        """The events that Converse's event `name` means; none for one that is not known."""
        if name == "contentBlockDelta":
            return self._delta(event.get("contentBlockIndex", 0), event.get("delta") or {})
        if name == "contentBlockStart":
            return self._start(event.get("contentBlockIndex", 0), event.get("start") or {})
        if name == "contentBlockStop":
            return self._stop(event.get("contentBlockIndex", 0))
        if name == "messageStop":
            return self._message_stop(event)
        if name == "metadata":
            return [self._metered(event)]
        if name == "messageStart":
            return [Started(self._upstream_id, self._plan.target)]
        return []

    @property
    def complete(self) -> bool:
        """Whether the model has said why it stopped: nothing of the answer itself is missing."""
        return self._finish is not None

    @property
    def metered(self) -> bool:
        """Whether the last event there is has come."""
        return self._is_metered

    def close(self) -> None:
        """The stream has ended. Raises UpstreamFailure where the model was cut off in mid-answer."""
        if not self.complete:
            raise UpstreamFailure(
                "Bedrock's stream ended before the answer was complete.", code="upstream_incomplete_stream"
            )

    def whole(self, reply: dict[str, Any]) -> list[Event]:
        """The events of a whole Converse reply. Raises UpstreamFailure for JSON that is none."""
        if not reply.get("output") and not reply.get("stopReason"):
            raise UpstreamFailure("Bedrock answered without a message.", code="upstream_bad_answer")
        events = self.feed("messageStart", {})
        content = ((reply.get("output") or {}).get("message") or {}).get("content") or []
        for index, block in enumerate(content):
            if isinstance(block, dict):
                events += self._whole_block(index, block)
        events += self._message_stop(reply)
        events.append(self._metered(reply))
        return events

    def _whole_block(self, index: int, block: dict[str, Any]) -> list[Event]:
        if block.get("toolUse"):
            events = self._start(index, block)
            arguments = _fragment(block["toolUse"].get("input"))
            if arguments != "{}":
                events += self._delta(index, {"toolUse": {"input": arguments}})
        elif block.get("reasoningContent"):
            reasoning = block["reasoningContent"]
            inner = reasoning.get("reasoningText") or {}
            pieces = [{"text": inner.get("text")}, {"signature": inner.get("signature")}, reasoning]
            events = [event for piece in pieces for event in self._delta(index, {"reasoningContent": piece})]
        elif block.get("citationsContent"):
            cited = block["citationsContent"]
            events = self._delta(
                index, {"text": "".join(part.get("text") or "" for part in cited.get("content") or [])}
            )
            for citation in cited.get("citations") or []:
                events += self._delta(index, {"citation": citation})
        elif block.get("text"):
            events = self._delta(index, {"text": block["text"]})
        else:
            return []
        return events + self._stop(index)

    def _start(self, index: int, start: dict[str, Any]) -> list[Event]:
        tool = start.get("toolUse")
        open_block = self._block
        # A new block ends the one before, unless that is a tool call: parallel calls may come interleaved.
        ends = open_block is not None and open_block != index and open_block not in self._calls.open
        events = self._stop(open_block) if open_block is not None and ends else []
        self._block = index
        if tool is None or tool.get("type") == "server_tool_use":
            return events
        return events + self._calls.start(index, tool)

    def _delta(self, index: int, delta: dict[str, Any]) -> list[Event]:
        if index != self._block and index not in self._calls.open:
            opened = self._start(index, {})
            if opened:
                return opened + self._delta(index, delta)
        text = delta.get("text")
        if text:
            return self._said(self._filter.feed(text) if self._filter is not None else [TextDelta(text)])
        if delta.get("toolUse"):
            return self._calls.arguments(index, _fragment(delta["toolUse"].get("input")))
        if delta.get("reasoningContent"):
            return self._thoughts.feed(delta["reasoningContent"])
        if delta.get("citation"):
            return [to_cited(delta["citation"], self._block_start, self._characters)]
        return []

    def _said(self, events: list[Event]) -> list[Event]:
        """The events themselves; counts their text, because citations point into what the client gets."""
        self._characters += sum(len(event.text) for event in events if isinstance(event, TextDelta))
        return events

    def _stop(self, index: int) -> list[Event]:
        self._block = None
        if index in self._calls.open:
            ending = self._calls.stop(index)
            return [] if ending is None else [*ending, BlockStopped()]
        events = self._said(self._filter.finish()) if self._filter is not None else []
        self._block_start = self._characters
        return [*self._thoughts.stop(), *events, BlockStopped()]

    def _message_stop(self, event: dict[str, Any]) -> list[Event]:
        events = self._stop(self._block) if self._block is not None else []
        for index in list(self._calls.open):
            events += self._stop(index)
        if self._held is not None:
            events += self._held.release()
        reason = str(event.get("stopReason") or "end_turn")
        if reason in _MALFORMED:
            raise UpstreamFailure("The model produced output that Bedrock could not read.", code="model_error")
        extra = event.get("additionalModelResponseFields") or {}
        self._finish = (reason, extra)
        self._reasoning_tokens = thinking_tokens(extra)
        matched = extra.get("stop_sequence")
        finish = self._finish_reason(reason)
        malformed = 0 if finish == "length" else self._calls.malformed  # a limit leaves half a call behind
        return [*events, Finished(finish, reason, matched if isinstance(matched, str) else None, malformed)]

    def _finish_reason(self, reason: str) -> FinishReason:
        known = FINISH_REASONS.get(reason)
        if known is None:
            log.warning("unknown stop reason %r", reason[:64])
            known = "stop"
        if self._calls.passed_on and known == "stop":
            return "tool_calls"
        return "stop" if known == "tool_calls" and not self._calls.passed_on else known

    def _metered(self, event: dict[str, Any]) -> Metered:
        self._is_metered = True
        return to_metered(event, self._finish[0] if self._finish else "", self._reasoning_tokens)


def _fragment(value: Any) -> str:
    """A piece of a call's arguments as JSON text: an object where Converse should have one is written out, a string is
    taken for JSON text already (streams, and models that encode twice), nothing is no arguments."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return to_json(value).decode()


def _may_be_array(plan: Plan) -> bool:
    """Whether the schema that was asked for lets the answer be something else than an object."""
    wanted = plan.prompt.response_format
    return wanted is not None and isinstance(wanted.schema, dict) and wanted.schema.get("type") != "object"


def _filter(plan: Plan, held: HeldBack | None) -> TextFilter | None:
    json = held or (JsonOnly(arrays=_may_be_array(plan)) if plan.json_answer else None)
    if not plan.target.traits.thinking_tags:
        return json
    return Chain(ThinkingTags(), json) if json else ThinkingTags()
