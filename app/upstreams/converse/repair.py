"""Makes any history one that Converse accepts; leaves a valid history untouched; tells what it did.

A bad turn that stays in a client's history wedges the whole session, because every later request carries it again. So
nothing is refused here that can be mended without changing what was meant. Pure and idempotent; the rules are those of
Converse (AWS documentation and its 400s, 2026-11) plus what `Traits` says of the model. Counts go to
`x-gateway-repairs`, keyed by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from app.core.plan import Traits
from app.core.prompt import CachePoint, Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from app.upstreams.converse.names import call_id, tool_name
from app.upstreams.converse.pairing import NO_OUTPUT, pair

CONTINUE = Text("Continue.")


@dataclass(frozen=True, slots=True)
class Repaired:
    """`system` are the leading instructions; `messages` the turns; `repairs` how often each kind of mending was done."""

    system: tuple[Part, ...]
    messages: tuple[Message, ...]
    repairs: Counter[str]


def repair(messages: Sequence[Message], traits: Traits, *, reasoning: bool = True, tools: bool = False) -> Repaired:
    """`reasoning`: whether this request runs with the model's reasoning on, which decides what may be replayed;
    `tools`: whether it carries any, which rules a prefill out."""
    counts: Counter[str] = Counter()
    system, turns = _split_system(messages, traits, counts)
    turns = [_mend(turn, traits, counts, reasoning) for turn in turns]
    turns = _merged(_without_blank(turns, counts), counts)
    turns = _merged(_without_mere_thoughts(turns, counts), counts)
    turns = pair(turns, counts)
    turns = [_placed_media(turn, traits, counts) for turn in turns]
    turns = [_thoughts_first(turn, counts) for turn in _merged(turns, Counter())]
    turns = _starting_with_user(turns, counts)
    turns = _ending_well(turns, traits, counts, prefill=traits.prefill and not tools and not _sealed(traits, reasoning))
    return Repaired(system, tuple(turns), counts)


def _split_system(
    messages: Sequence[Message], traits: Traits, counts: Counter[str]
) -> tuple[tuple[Part, ...], list[Message]]:
    """Leading system messages apart; later ones stay where they are, so that a cached prefix stays the same."""
    lead = 0
    while lead < len(messages) and messages[lead].role == "system":
        lead += 1
    system = tuple(part for message in messages[:lead] for part in _instructions(message, counts))
    rest = [_noted(message, traits, counts) for message in messages[lead:]]
    if system and not traits.system_prompt:
        counts["system-to-user"] += 1
        return (), [Message("user", system), *rest]
    return system, rest


def _instructions(message: Message, counts: Counter[str]) -> list[Part]:
    """System content is text and cache points; anything else becomes a word about what was there."""
    kept: list[Part] = []
    for part in message.parts:
        match part:
            case Text(text):
                if text.strip():
                    kept.append(part)
                else:
                    counts["blank-text"] += 1
            case CachePoint():
                if kept and not isinstance(kept[-1], CachePoint):
                    kept.append(part)
            case _:
                counts["system-media"] += 1
                kept.append(Text(f"[{_called(part)} omitted]"))
    return kept


def _noted(message: Message, traits: Traits, counts: Counter[str]) -> Message:
    """A system message in mid-conversation: native where the model has the role, else a note in a user turn."""
    if message.role != "system":
        return message
    parts = tuple(_instructions(message, counts))
    if traits.system_role:
        return Message("system", parts)
    if not parts:
        return Message("user", ())
    return Message("user", _notes(parts, counts))


def _notes(parts: Sequence[Part], counts: Counter[str]) -> tuple[Part, ...]:
    counts["system-note"] += 1
    return tuple(
        Text(f"<system-reminder>\n{part.text}\n</system-reminder>") if isinstance(part, Text) else part
        for part in parts
    )


def _mend(message: Message, traits: Traits, counts: Counter[str], reasoning: bool) -> Message:
    if message.role == "assistant":
        return _mend_assistant(message, traits, counts, reasoning)
    return replace(message, parts=tuple(_mended_user(message.parts, traits, counts)))


def _mended_user(parts: Sequence[Part], traits: Traits, counts: Counter[str]) -> list[Part]:
    kept: list[Part] = []
    for part in parts:
        match part:
            case Text(text) if not text.strip():
                counts["blank-text"] += 1
            case ToolResult():
                kept.append(_mended_result(part, traits, counts))
            case ToolCall() | Reasoning():
                counts["misplaced-part"] += 1
            case _:
                kept.append(part)
    return kept


def _mended_result(result: ToolResult, traits: Traits, counts: Counter[str]) -> ToolResult:
    spoken = tuple(part for part in result.content if not isinstance(part, Text) or part.text.strip())
    if not spoken:
        counts["empty-result"] += 1
        spoken = (NO_OUTPUT,)
    elif len(spoken) < len(result.content):
        counts["blank-text"] += len(result.content) - len(spoken)
    alias = call_id(result.call_id)
    if alias != result.call_id:
        counts["tool-id"] += 1
    return replace(result, call_id=alias, content=tuple(_perceived(part, traits, counts) for part in spoken))


def _perceived(item: Text | Media, traits: Traits, counts: Counter[str]) -> Text | Media:
    """A tool's picture for a model that can't see is a word: nobody could mend it, and it will be sent every time."""
    if isinstance(item, Text) or item.kind == "document" or traits.modalities is None or item.kind in traits.modalities:
        return item
    counts[f"tool-result-{item.kind}"] += 1
    return Text(f"[{item.kind} omitted]")


def _mend_assistant(message: Message, traits: Traits, counts: Counter[str], reasoning: bool) -> Message:
    kept: list[Part] = []
    for part in message.parts:
        match part:
            case Reasoning():
                kept.extend(_replayed(part, traits, counts, reasoning))
            case Text(text) if not text.strip():
                counts["blank-text"] += 1
            case ToolCall():
                kept.append(_mended_call(part, counts))
            case Media() | ToolResult():
                counts["misplaced-part"] += 1
                kept.append(Text(f"[{_called(part)} omitted]"))
            case _:
                kept.append(part)
    return Message("assistant", tuple(kept))


def _sealed(traits: Traits, reasoning: bool) -> bool:
    """Whether the answer will begin with signed thoughts, which nothing may come before."""
    return reasoning and traits.replay == "signed"


def _replayed(part: Reasoning, traits: Traits, counts: Counter[str], reasoning: bool) -> list[Part]:
    """The thought as this model takes it back: sealed, as plain text, or not at all."""
    if _sealed(traits, reasoning) and (part.signature or part.redacted):
        return [part]
    if traits.replay == "redacted" and part.redacted:  # of its own kind, whatever effort this request asks for
        return [part]
    if traits.replay != "unsigned" or not part.text.strip():
        counts["reasoning-dropped"] += 1
        return []
    if part.signature or part.redacted:  # another vendor's seal: the session has changed its model
        counts["reasoning-unsealed"] += 1
        return [Reasoning(part.text)]
    return [part]


def _mended_call(call: ToolCall, counts: Counter[str]) -> ToolCall:
    identifier, name = call_id(call.id), tool_name(call.name)
    counts.update(
        {kind: 1 for kind, changed in (("tool-id", identifier != call.id), ("tool-name", name != call.name)) if changed}
    )
    return replace(call, id=identifier, name=name)


def _without_blank(turns: list[Message], counts: Counter[str]) -> list[Message]:
    """Turns with nothing left to say go; a blank last user turn stays, as a word, because it asks for an answer."""
    kept: list[Message] = []
    last = max((place for place, turn in enumerate(turns) if _speaks(turn)), default=-1)
    for place, turn in enumerate(turns):
        if _speaks(turn):
            kept.append(turn)
            continue
        counts["blank-turn"] += 1
        asks = turn.role == "user" and not (kept and kept[-1].role == "user")
        if asks and place > last:
            kept.append(Message("user", (CONTINUE,)))
    return kept


def _speaks(turn: Message) -> bool:
    return any(not isinstance(part, CachePoint) for part in turn.parts)


def _without_mere_thoughts(turns: list[Message], counts: Counter[str]) -> list[Message]:
    """Assistant turns of nothing but reasoning go: what they led to is lost."""
    kept = [
        turn
        for turn in turns
        if turn.role != "assistant" or not all(isinstance(part, Reasoning | CachePoint) for part in turn.parts)
    ]
    if len(kept) < len(turns):
        counts["reasoning-only"] += len(turns) - len(kept)
    return kept


def _thoughts_first(turn: Message, counts: Counter[str]) -> Message:
    """A turn that has reasoning begins with it; between the calls of such a turn there may be more."""
    thoughts = tuple(part for part in turn.parts if isinstance(part, Reasoning))
    if not thoughts or isinstance(turn.parts[0], Reasoning):
        return turn
    counts["reasoning-order"] += len(thoughts)
    return Message(turn.role, (*thoughts, *(part for part in turn.parts if not isinstance(part, Reasoning))))


def _merged(turns: Sequence[Message], counts: Counter[str]) -> list[Message]:
    """Neighbours of one role as one turn. Results of tools come as messages of their own: joining them is no repair."""
    merged: list[Message] = []
    for role, neighbours in groupby(turns, key=lambda turn: turn.role):
        first, *others = neighbours
        if not others:
            merged.append(first)
            continue
        parts = tuple(part for turn in (first, *others) for part in turn.parts)
        if not any(isinstance(part, ToolResult) for part in parts):
            counts["merged-turns"] += len(others)
        merged.append(Message(role, parts))
    return merged


def _placed_media(turn: Message, traits: Traits, counts: Counter[str]) -> Message:
    """Media beside the results of tools where it is refused in them: audio always, images by some models."""
    refused = {"audio"} if traits.tool_result_images else {"audio", "image"}
    results: list[Part] = []
    others: list[Part] = []
    for part in turn.parts:
        if not isinstance(part, ToolResult):
            others.append(part)
            continue
        stays: list[Text | Media] = []
        moved: list[Media] = []
        for item in part.content:
            if isinstance(item, Media) and item.kind in refused:
                moved.append(item)
            else:
                stays.append(item)
        if moved:
            counts.update(f"tool-result-{item.kind}" for item in moved)
            part = replace(part, content=(*stays, *(Text(f"[{item.kind} below]") for item in moved)))
            others.extend(moved)
        results.append(part)
    return Message(turn.role, (*results, *others)) if results else turn


def _starting_with_user(turns: list[Message], counts: Counter[str]) -> list[Message]:
    if turns and turns[0].role == "user":
        return turns
    counts["assistant-first" if turns else "blank-turn"] += 1
    return [Message("user", (CONTINUE,)), *turns]


def _ending_well(turns: list[Message], traits: Traits, counts: Counter[str], *, prefill: bool) -> list[Message]:
    """A trailing assistant turn is a prefill: refused by newer models, beside tools and while reasoning, and nowhere may it
    end in blanks. A system message at the end asks nothing: it goes into the user's turn before it, where there is one."""
    last = turns[-1]
    if last.role == "user":
        return turns
    if last.role == "system" and len(turns) > 1 and turns[-2].role == "user":
        return [*turns[:-2], Message("user", (*turns[-2].parts, *_notes(last.parts, counts)))]
    if last.role == "system" or not prefill:
        counts["system-last" if last.role == "system" else "prefill"] += 1
        return [*turns, Message("user", (CONTINUE,))]
    place, said = max((at, part.text) for at, part in enumerate(last.parts) if isinstance(part, Text))
    if said == said.rstrip():
        return turns
    counts["prefill-whitespace"] += 1
    parts = (*last.parts[:place], Text(said.rstrip()), *last.parts[place + 1 :])
    return [*turns[:-1], Message("assistant", parts)]


def _called(part: Part) -> str:
    return part.called if isinstance(part, Media) else "content"
