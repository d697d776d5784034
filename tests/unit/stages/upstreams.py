"""Upstreams and planners that do as they are told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from app.core.events import Batch, Finished, Metered, Started, TextDelta, Usage
from app.core.plan import Plan, Target, Traits
from app.core.ports import Call, Caller, ChatUpstream
from app.core.prompt import Message, Prompt, Text, ToolChoice
from app.core.route import Hop

ANSWER: list[Batch] = [
    [Started("up-1")],
    [TextDelta("Hi"), Finished("stop")],
    [Metered(Usage(3, 2), "default")],
]


def call() -> Call:
    return Call("req_1", Caller("key-1"), "chat.completions", model="m", started=100.0)


def plan(traits: Traits | None = None, **decided: object) -> Plan:
    prompt = Prompt("m", (Message("user", (Text("Hello"),)),))
    target = Target("us.m", "m", traits or Traits())
    settled: dict[str, object] = {"stream": True, "messages": prompt.messages, "tools": (), "tool_choice": ToolChoice()}
    return Plan(target, prompt, **(settled | decided))  # type: ignore[arg-type]


class Scripted:
    """Implements ChatUpstream: each run plays the next script, in which an exception is raised where it stands."""

    def __init__(self, *scripts: Sequence[Batch | BaseException]) -> None:
        self.scripts = list(scripts)
        self.plans: list[Plan] = []
        self.closed = 0

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        self.plans.append(plan)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            for item in script:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.closed += 1


class FixedPlanner:
    """Implements Planner: the plan is always the same; it records which quirks it was given, and learns those once."""

    def __init__(self, made: Plan | None = None, known: frozenset[str] = frozenset()) -> None:
        self.made = made or plan()
        self.quirks: list[frozenset[str]] = []
        self.learned = set(known)

    async def plan(
        self,
        prompt: Prompt,
        call: Call,
        *,
        stream: bool,
        quirks: frozenset[str] = frozenset(),
        route: tuple[Hop, ...] = (),
    ) -> Plan:
        self.quirks.append(quirks)
        call.receipt.model = self.made.target.shown
        return self.made

    async def check(self, prompt: Prompt, call: Call) -> None:
        """Whatever is asked for is there."""

    async def learn(self, target: Target, quirk: str) -> bool:
        new = quirk not in self.learned
        self.learned.add(quirk)
        return new


async def taken(upstream: ChatUpstream, made: Plan, of: Call) -> list[Batch]:
    """All batches of a run."""
    async with aclosing(upstream.run(made, of)) as batches:
        return [batch async for batch in batches]
