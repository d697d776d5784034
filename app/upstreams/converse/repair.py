"""Makes any history one that Converse accepts; leaves a valid history untouched; tells what it did.

A bad turn that stays in a client's history wedges the whole session, because every later request carries it again. So
nothing is refused here that can be mended without changing what was meant. Pure and idempotent; the rules are those of
Converse (bedrock.md 1.5) plus what `Traits` says of the model. Counts go to `x-gateway-repairs`, keyed by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.plan import Traits
from app.core.prompt import CachePoint, Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from app.upstreams.converse.names import call_id, tool_name
from app.upstreams.converse.pairing import pair

CONTINUE = Text("Continue.")
NO_OUTPUT = Text("(no output)")


@dataclass(frozen=True, slots=True)
class Repaired:
    """`system` are the leading instructions; `messages` the turns; `repairs` how often each kind of mending was done."""

    system: tuple[Part, ...]
    messages: tuple[Message, ...]
    repairs: Counter[str]


def repair(messages: Sequence[Message], traits: Traits, *, reasoning: bool = True) -> Repaired:
    """`reasoning`: whether this request runs with the model's reasoning on, which decides what may be replayed."""
    counts: Counter[str] = Counter()
    system, turns = _split_system(messages, traits, counts)
    turns = [_mend(turn, traits, counts, reasoning) for turn in turns]
    turns = _without_blank(turns, counts)
    turns = pair(_merged(turns, counts), counts)
    turns = [turn for message in turns for turn in _placed_media(message, traits, counts)]
    turns = _merged(turns, Counter())
    turns = _starting_with_user(turns, counts)
    turns = _ending_well(turns, traits, counts, reasoning)
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
    counts["system-note"] += 1
    noted = (
        Text(f"<system-reminder>\n{part.text}\n</system-reminder>") if isinstance(part, Text) else part
        for part in parts
    )
    return Message("user", tuple(noted))


def _mend(message: Message, traits: Traits, counts: Counter[str], reasoning: bool) -> Message:
    if message.role == "assistant":
        return _mend_assistant(message, traits, counts, reasoning)
    return replace(message, parts=tuple(_mended_user(message.parts, counts)))


def _mended_user(parts: Sequence[Part], counts: Counter[str]) -> list[Part]:
    kept: list[Part] = []
    for part in parts:
        match part:
            case Text(text) if not text.strip():
                counts["blank-text"] += 1
            case ToolResult():
                kept.append(_mended_result(part, counts))
            case ToolCall() | Reasoning():
                counts["misplaced-part"] += 1
            case _:
                kept.append(part)
    return kept


def _mended_result(result: ToolResult, counts: Counter[str]) -> ToolResult:
    content = tuple(part for part in result.content if not isinstance(part, Text) or part.text.strip())
    if not content:
        counts["empty-result"] += 1
        content = (NO_OUTPUT,)
    alias = call_id(result.call_id)
    if alias != result.call_id:
        counts["tool-id"] += 1
    return replace(result, call_id=alias, content=content)


def _mend_assistant(message: Message, traits: Traits, counts: Counter[str], reasoning: bool) -> Message:
    thoughts: list[Part] = []
    kept: list[Part] = []
    in_front = True
    for part in message.parts:
        match part:
            case Reasoning():
                if not _replayable(part, traits, reasoning):
                    counts["reasoning-dropped"] += 1
                elif in_front or isinstance(message.parts[0], Reasoning):
                    kept.append(part)
                else:
                    counts["reasoning-order"] += 1
                    thoughts.append(part)
                continue
            case Text(text) if not text.strip():
                counts["blank-text"] += 1
                continue
            case ToolCall():
                part = _mended_call(part, counts)
            case Media() | ToolResult():
                counts["misplaced-part"] += 1
                part = Text(f"[{_called(part)} omitted]")
            case _:
                pass
        in_front = False
        kept.append(part)
    if all(isinstance(part, Reasoning | CachePoint) for part in kept) and not thoughts:
        if kept:
            counts["reasoning-only"] += 1
        return Message("assistant", ())
    return Message("assistant", (*thoughts, *kept))


def _replayable(part: Reasoning, traits: Traits, reasoning: bool) -> bool:
    if traits.replay == "signed":
        return reasoning and bool(part.signature or part.redacted)
    return traits.replay == "unsigned" and bool(part.text.strip())


def _mended_call(call: ToolCall, counts: Counter[str]) -> ToolCall:
    identifier, name = call_id(call.id), tool_name(call.name)
    counts.update(
        {kind: 1 for kind, changed in (("tool-id", identifier != call.id), ("tool-name", name != call.name)) if changed}
    )
    return replace(call, id=identifier, name=name)


def _without_blank(turns: list[Message], counts: Counter[str]) -> list[Message]:
    """Turns with nothing left to say go; a blank last user turn stays, as a word, because it asks for an answer."""
    kept: list[Message] = []
    for place, turn in enumerate(turns):
        if any(not isinstance(part, CachePoint) for part in turn.parts):
            kept.append(turn)
        elif turn.role == "user" and place == len(turns) - 1 and not (kept and kept[-1].role == "user"):
            counts["blank-turn"] += 1
            kept.append(Message("user", (CONTINUE,)))
        else:
            counts["blank-turn"] += 1
    return kept


def _merged(turns: Sequence[Message], counts: Counter[str]) -> list[Message]:
    """Neighbours of one role as one turn. Results of tools come as messages of their own: joining them is no repair."""
    merged: list[Message] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            results = any(isinstance(part, ToolResult) for part in (*merged[-1].parts, *turn.parts))
            if not results:
                counts["merged-turns"] += 1
            merged[-1] = Message(turn.role, merged[-1].parts + turn.parts)
        else:
            merged.append(turn)
    return merged


def _placed_media(turn: Message, traits: Traits, counts: Counter[str]) -> list[Message]:
    """Media in tool results where the model refuses it there: beside the results, or a word where it can't see at all."""
    if turn.role != "user":
        return [turn]
    blind = traits.modalities is not None and "image" not in traits.modalities
    results: list[Part] = []
    hoisted: list[Part] = []
    others: list[Part] = []
    for part in turn.parts:
        if not isinstance(part, ToolResult):
            (others if results else hoisted).append(part)
            continue
        images = [item for item in part.content if isinstance(item, Media) and item.kind == "image"]
        if images and (blind or not traits.tool_result_images):
            counts["tool-result-image"] += 1
            words = tuple(item for item in part.content if item not in images)
            part = replace(part, content=(*words, Text("[image omitted]" if blind else "[image below]")))
            others.extend(() if blind else images)
        results.append(part)
    documents = any(isinstance(part, Media) and part.kind == "document" for part in turn.parts)
    parts = [*hoisted, *results, *others] if results else list(turn.parts)
    if documents and not any(isinstance(part, Text) for part in parts):
        counts["document-text"] += 1
        parts.append(Text("See the attached document."))
    return [Message("user", tuple(parts))]


def _starting_with_user(turns: list[Message], counts: Counter[str]) -> list[Message]:
    if turns and turns[0].role == "user":
        return turns
    counts["assistant-first" if turns else "blank-turn"] += 1
    return [Message("user", (CONTINUE,)), *turns]


def _ending_well(turns: list[Message], traits: Traits, counts: Counter[str], reasoning: bool) -> list[Message]:
    """A trailing assistant turn is a prefill: refused by newer models and while reasoning, else without blanks at its end."""
    last = turns[-1]
    if last.role == "system":
        counts["prefill"] += 1
        return [*turns, Message("user", (CONTINUE,))]
    if last.role == "user":
        return turns
    if not traits.prefill or (reasoning and traits.replay == "signed"):
        counts["prefill"] += 1
        return [*turns, Message("user", (CONTINUE,))]
    tail = last.parts[-1]
    if isinstance(tail, Text) and tail.text != tail.text.rstrip():
        counts["prefill-whitespace"] += 1
        turns[-1] = Message("assistant", (*last.parts[:-1], Text(tail.text.rstrip())))
    return turns


def _called(part: Part) -> str:
    return part.kind if isinstance(part, Media) else "content"
