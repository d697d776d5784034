"""The tool calls of an answer in the making: which are passed on, under which names, and which one is the answer itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import from_json

from app.core.events import Event, TextDelta, ToolCallDelta, ToolCallStarted
from app.core.plan import Plan
from app.core.prompt import Tool
from app.upstreams.converse.names import tool_name
from app.upstreams.converse.property_names import Restorer, restorer
from app.upstreams.converse.text_filters import Compactor, HeldBack, unwrapped


class _Call:
    """`index` is None for one that is not passed on; `answer` marks the JSON tool."""

    __slots__ = ("answer", "compactor", "fragments", "index", "restorer")

    def __init__(self, index: int | None, restorer: Restorer | None, *, answer: bool = False) -> None:
        self.index = index
        self.answer = answer
        self.restorer = restorer
        self.compactor = Compactor() if answer else None
        self.fragments: list[str] = []


class ToolCalls:
    """`open`: the blocks that are calls. `passed_on`: how many the client gets; `malformed`: those whose arguments are no
    JSON object."""

    def __init__(self, plan: Plan, held: HeldBack | None) -> None:
        self._plan = plan
        self._held = held
        self._tools: Mapping[str, Tool] | None = None
        self._calls: dict[int, _Call] = {}
        self._answered = False
        self.passed_on = 0
        self.malformed = 0

    @property
    def open(self) -> Collection[int]:
        return self._calls

    def start(self, block: int, tool: Mapping[str, Any]) -> list[Event]:
        name = tool.get("name", "")
        known = self._known(name)
        restoring = restorer(known) if known is not None else None
        if self._held is not None and name == self._plan.json_tool:
            self._calls[block] = _Call(None, restoring, answer=not self._answered)
            self._answered = self._held.discard = True
            return []
        if self._plan.silent_tools or (self._plan.single_call and self.passed_on):
            self._calls[block] = _Call(None, None)
            return []
        ordinal = self.passed_on
        self.passed_on += 1
        self._calls[block] = _Call(ordinal, restoring)
        return [ToolCallStarted(ordinal, tool.get("toolUseId", ""), known.name if known is not None else name)]

    def arguments(self, block: int, fragment: str) -> list[Event]:
        call = self._calls.get(block)
        if call is None or not fragment:
            return []
        return self._take(call, call.restorer.feed(fragment) if call.restorer is not None else fragment)

    def stop(self, block: int) -> list[Event] | None:
        """What ends a call; None for one of which the client hears nothing."""
        call = self._calls.pop(block)
        events = self._take(call, call.restorer.finish()) if call.restorer is not None else []
        if call.answer:
            return events + self._unwrapped(call)
        if call.index is None:
            return None
        if not call.fragments:
            return [ToolCallDelta(call.index, "{}")]
        self.malformed += not _is_object("".join(call.fragments))
        return events

    def _known(self, name: str) -> Tool | None:
        """The client's tool behind a name, which may be an alias."""
        if self._tools is None:
            self._tools = {}
            for tool in self._plan.tools:
                self._tools.setdefault(tool_name(tool.name), tool)
        return self._tools.get(name)

    def _take(self, call: _Call, fragment: str) -> list[Event]:
        if not fragment:
            return []
        call.fragments.append(fragment)
        if call.index is not None:
            return [ToolCallDelta(call.index, fragment)]
        if call.compactor is not None and not self._plan.unwrap:
            text = call.compactor.feed(fragment)
            return [TextDelta(text)] if text else []
        return []

    def _unwrapped(self, call: _Call) -> list[Event]:
        """The answer out of the object it was wrapped in because a tool's arguments must be one."""
        if not self._plan.unwrap:
            return [] if call.fragments else [TextDelta("{}")]
        return [TextDelta(unwrapped("".join(call.fragments) or "{}", self._plan.unwrap))]


def _is_object(text: str) -> bool:
    try:
        return isinstance(from_json(text), dict)
    except ValueError:
        return False
