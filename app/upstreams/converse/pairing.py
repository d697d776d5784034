"""Calls and results of tools in pairs, as Converse wants them: every call answered in the very next user message.

All results of one turn stand in ONE user message, in the order of the calls, before anything else; no result without its
call, no call without its result, no id twice. OpenAI's clients send results as messages of their own, in any order, and
lose some when a user aborts or a history is compacted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from app.core.prompt import CachePoint, Media, Message, Part, Text, ToolCall, ToolResult

UNAVAILABLE = Text("(the result of this tool call is not available)")
NO_OUTPUT = Text("(no output)")


def pair(turns: Sequence[Message], counts: Counter[str]) -> list[Message]:
    """The turns with every call answered where it must be. Expects same-role neighbours merged."""
    turns = _distinct(turns, counts)
    answers, orphans = _answers(turns, counts)
    paired: list[Message] = []
    for place, turn in enumerate(turns):
        if turn.role == "assistant":
            paired.append(turn)
            results = _results(turn, answers, counts)
            if results:
                paired.append(Message("user", tuple(results)))
            continue
        parts = tuple(_kept(turn.parts, place, orphans))
        if not any(not isinstance(part, CachePoint) for part in parts):
            continue
        awaiting = paired and paired[-1].role == "user" and isinstance(paired[-1].parts[-1], ToolResult)
        if awaiting and turn.role == "user":
            paired[-1] = Message("user", paired[-1].parts + parts)
        else:
            paired.append(Message(turn.role, parts))
    return _with_cache_points(turns, paired)


def _distinct(turns: Sequence[Message], counts: Counter[str]) -> list[Message]:
    """The turns with each call id used once. A literal repetition within a turn goes; another call gets a new id."""
    ids = _Ids()
    distinct: list[Message] = []
    for turn in turns:
        parts: list[Part] = []
        in_turn: set[ToolCall] = set()
        ids_in_turn: set[str] = set()
        for part in turn.parts:
            if isinstance(part, ToolCall):
                if part in in_turn:
                    counts["duplicate-call"] += 1
                    continue
                in_turn.add(part)
                identifier = ids.of_call(part.id, again=part.id in ids_in_turn)
                ids_in_turn.add(part.id)
                if identifier != part.id:
                    counts["duplicate-id"] += 1
                part = replace(part, id=identifier)
            elif isinstance(part, ToolResult):
                part = replace(part, call_id=ids.of_result(part.call_id))
            parts.append(part)
        distinct.append(Message(turn.role, tuple(parts)))
    return distinct


class _Ids:
    """Ids that are given twice, told apart. A result belongs to the latest turn that used its id; where that turn used
    it for several calls, the results go to them in order."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._calls: dict[str, list[str]] = {}
        self._results: dict[str, int] = {}

    def of_call(self, identifier: str, *, again: bool) -> str:
        """`again`: another call of the same turn has the id already."""
        own, stem = identifier, identifier[:57]
        while own in self._taken:  # counted by stem: ids that begin alike would try each other's numbers again
            number = self._numbers[stem] = self._numbers.get(stem, 1) + 1
            own = f"{stem}-{number}"
        self._taken.add(own)
        if not again:
            self._calls[identifier] = []
            self._results[identifier] = 0
        self._calls[identifier].append(own)
        return own

    def of_result(self, identifier: str) -> str:
        calls = self._calls.get(identifier)
        if calls is None:
            return identifier
        place = self._results[identifier]
        self._results[identifier] = place + 1
        return calls[min(place, len(calls) - 1)]


class _Answer:
    """The results of one call, gathered. Identical ones count once; others add their content, in order: some clients
    send one result per part."""

    def __init__(self, first: ToolResult) -> None:
        self._call_id = first.call_id
        self._distinct = {(first.content, first.is_error): first}

    def add(self, result: ToolResult, counts: Counter[str]) -> None:
        known = len(self._distinct)
        self._distinct.setdefault((result.content, result.is_error), result)
        counts["duplicate-result" if len(self._distinct) == known else "merged-result"] += 1

    def result(self) -> ToolResult:
        """One result with everything that the results said. An empty one adds nothing to others."""
        results = list(self._distinct.values())
        if len(results) == 1:
            return results[0]
        spoken = [result for result in results if result.content != (NO_OUTPUT,)] or results[:1]
        content = tuple(part for result in spoken for part in result.content)
        return ToolResult(self._call_id, content, any(result.is_error for result in results))


def _answers(turns: Sequence[Message], counts: Counter[str]) -> tuple[dict[str, ToolResult], set[tuple[int, int]]]:
    """Results by the call they answer, and the places of results that answer no call before them."""
    asked: dict[str, int] = {}
    answers: dict[str, _Answer] = {}
    orphans: set[tuple[int, int]] = set()
    for place, turn in enumerate(turns):
        for index, part in enumerate(turn.parts):
            if isinstance(part, ToolCall):
                asked[part.id] = place
            elif isinstance(part, ToolResult):
                if part.call_id not in asked:
                    counts["orphan-result"] += 1
                    orphans.add((place, index))
                    continue
                if part.call_id in answers:
                    answers[part.call_id].add(part, counts)
                    continue
                if place != asked[part.call_id] + 1:
                    counts["moved-result"] += 1
                answers[part.call_id] = _Answer(part)
    return {identifier: answer.result() for identifier, answer in answers.items()}, orphans


def _results(turn: Message, answers: dict[str, ToolResult], counts: Counter[str]) -> list[ToolResult]:
    results = []
    for part in turn.parts:
        if isinstance(part, ToolCall):
            found = answers.get(part.id)
            if found is None:
                counts["orphan-call"] += 1
                found = ToolResult(part.id, (UNAVAILABLE,), is_error=True)
            results.append(found)
    return results


def _kept(parts: Sequence[Part], place: int, orphans: set[tuple[int, int]]) -> list[Part]:
    """What stays of a user turn once its results have gone to their calls; an orphan's words stay as words."""
    kept: list[Part] = []
    for index, part in enumerate(parts):
        if not isinstance(part, ToolResult):
            kept.append(part)
        elif (place, index) in orphans:
            words = "\n".join(item.text for item in part.content if isinstance(item, Text))
            kept.append(Text(f"[result of an earlier tool call]\n{words}".rstrip()))
            kept.extend(item for item in part.content if isinstance(item, Media))
    return kept


def _with_cache_points(before: Sequence[Message], after: list[Message]) -> list[Message]:
    """A cache point that stood behind the results of a turn goes back behind them, if it was alone with them."""
    places = {
        part.call_id: place
        for place, message in enumerate(after)
        for part in message.parts
        if isinstance(part, ToolResult)
    }
    for turn in before:
        if turn.role != "user" or not turn.parts or not isinstance(turn.parts[-1], CachePoint):
            continue
        if not all(isinstance(part, ToolResult | CachePoint) for part in turn.parts):
            continue
        answered = [places.get(part.call_id) for part in turn.parts if isinstance(part, ToolResult)]
        free = [at for at in answered if at is not None and not isinstance(after[at].parts[-1], CachePoint)]
        if free:
            place = min(free)
            after[place] = Message("user", (*after[place].parts, turn.parts[-1]))
    return after
