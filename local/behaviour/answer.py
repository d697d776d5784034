"""Composes the emulated model's answer to a Converse body: the same answer for the same body, whole or streamed."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from local.behaviour import person, reasoning, tokens
from local.behaviour.markers import Markers, number
from local.behaviour.prompt import Body, Prompt
from local.behaviour.schema import Hints, fill
from local.behaviour.tool_calls import calls
from local.models import ModelFacts, Replay

_ECHO = 300
_FRAGMENT = 9
_ASKS_JSON = re.compile(
    r"(?i)\bjson\b[^.]{0,40}\bobject\b|\b(?:respond|reply|answer|output|return)\b[^.]{0,60}\bjson\b"
)
BLOCKED_INPUT = "Sorry, the model cannot answer this question."


@dataclass(slots=True)
class Thought:
    """A reasoning block: text with or without signature, or a redacted blob (base64) alone."""

    pieces: list[str]
    signature: str | None = None
    redacted: str | None = None


@dataclass(slots=True)
class Words:
    """A text block; with `citations` it is sent as a citations block."""

    pieces: list[str]
    citations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Call:
    """A toolUse block; joined, the fragments are the JSON of `input`, and there are none for an empty one."""

    id: str
    name: str
    input: Any
    fragments: list[str]


Block = Thought | Words | Call


@dataclass(slots=True)
class Answer:
    """The blocks of an answer and why it ended; `thinking_tokens` are part of `output_tokens`."""

    blocks: list[Block]
    stop_reason: str
    stop_sequence: str | None = None
    output_tokens: int = 0
    thinking_tokens: int = 0
    blocked: bool = False


def compose(facts: ModelFacts, body: Body, prompt: Prompt, blocked: bool = False) -> Answer:
    """The answer; `blocked` says that a guardrail stopped the input, and then the model is not asked."""
    if blocked:
        refusal = Words(tokens.pieces(BLOCKED_INPUT))
        return Answer([refusal], "guardrail_intervened", blocked=True)
    blocks: list[Block] = []
    if reasoning.is_wanted(facts, body) or "think" in prompt.markers:
        blocks.append(_thought(facts, prompt))
    called = calls(body, prompt)
    blocks += [_call(each.id, each.name, each.input) for each in called]
    if not called:
        text = _text(body, prompt)
        blocks.append(Words(tokens.pieces(text), _citations(prompt)))
    answer = Answer(blocks, "tool_use" if called else "end_turn")
    _obey_stop_sequences(answer, body)
    _obey_max_tokens(answer, body)
    if "finish" in prompt.markers:
        answer.stop_reason = prompt.markers["finish"].value
    return answer


def _thought(facts: ModelFacts, prompt: Prompt) -> Thought:
    text = reasoning.text_for(facts, prompt.text)
    marker = prompt.markers.get("think")
    if facts.replay is Replay.ENCRYPTED or (marker and "redacted" in marker.words):
        return Thought([], redacted=reasoning.seal(text, facts.provider))
    return Thought(tokens.pieces(text), reasoning.sign(text) if facts.is_claude else None)


def _call(call_id: str, name: str, arguments: Any) -> Call:
    if not arguments:
        return Call(call_id, name, arguments, [])
    text = json.dumps(arguments, ensure_ascii=False)
    # Claude opens every call with an empty fragment.
    fragments = ["", *(text[start : start + _FRAGMENT] for start in range(0, len(text), _FRAGMENT))]
    return Call(call_id, name, arguments, fragments)


def _text(body: Body, prompt: Prompt) -> str:
    count = _wanted_tokens(prompt.markers)
    if count:
        return " ".join(f"t{number}" for number in range(count))
    schema = _text_format(body)
    if schema is not None:
        return json.dumps(fill(schema, Hints.of(prompt.text)), ensure_ascii=False)
    if _ASKS_JSON.search(prompt.text) or _ASKS_JSON.search(prompt.system):
        text = json.dumps(_json_object(prompt), ensure_ascii=False)
        return f"```json\n{text}\n```" if "[fenced]" in prompt.text else text
    return _plain(prompt)


def _plain(prompt: Prompt) -> str:
    parts = []
    if prompt.results:
        parts.append(f"The tool answered: {'; '.join(prompt.results)[:_ECHO]}")
    if prompt.attachments:
        parts.append(f"I see {', '.join(prompt.attachments)}.")
    if prompt.text or not parts:
        parts.append(f"You said: {person.without_reminders(prompt.text)[:_ECHO]}".rstrip())
    return " ".join(parts)


def _wanted_tokens(found: Markers) -> int:
    if "tokens" in found:
        return int(number(found["tokens"].value, 0))
    return int(number(found["delay"].options.get("tokens", ""), 0)) if "delay" in found else 0


def _text_format(body: Body) -> Any:
    text_format = (body.get("outputConfig") or {}).get("textFormat")
    if text_format:
        return json.loads(text_format["structure"]["jsonSchema"]["schema"])
    fields = body.get("additionalModelRequestFields")
    native = fields.get("output_config") if isinstance(fields, dict) else None
    native_format = native.get("format") if isinstance(native, dict) else None
    return native_format.get("schema") if isinstance(native_format, dict) else None


def _json_object(prompt: Prompt) -> Any:
    """An object for a prompt that asks for one: after the schema in the instruction, if one is there."""
    for text in (prompt.text, prompt.system):
        for start in (match.start() for match in re.finditer(r"\{", text)):
            try:
                found, _ = json.JSONDecoder().raw_decode(text, start)
            except ValueError:
                continue
            if isinstance(found, dict) and ("properties" in found or "$ref" in found or "type" in found):
                return fill(found, Hints.of(prompt.text))
    return {"answer": prompt.text[:_ECHO]}


def _citations(prompt: Prompt) -> list[dict[str, Any]]:
    if "citations" not in prompt.markers:
        return []
    web = {
        "title": "Example page",
        "source": "https://example.com/page",
        "sourceContent": [{"text": "An example."}],
        "location": {"web": {"url": "https://example.com/page", "domain": "example.com"}},
    }
    document = {
        "title": "Example document",
        "source": "document",
        "sourceContent": [{"text": "Another example."}],
        "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 16}},
    }
    return [web, document]


def _obey_stop_sequences(answer: Answer, body: Body) -> None:
    stops = (body.get("inferenceConfig") or {}).get("stopSequences") or []
    for block in answer.blocks:
        if not isinstance(block, Words) or not stops:
            continue
        text = "".join(block.pieces)
        places = [(text.find(stop), stop) for stop in stops if stop in text]
        if places:
            place, answer.stop_sequence = min(places)
            answer.stop_reason = "stop_sequence"
            block.pieces = tokens.pieces(text[:place])


def _obey_max_tokens(answer: Answer, body: Body) -> None:
    """Cuts the answer where the limit falls; a call that does not fit is left out, as nothing could use half of one."""
    limit = (body.get("inferenceConfig") or {}).get("maxTokens")
    left = limit if limit is not None else 1 << 31
    kept: list[Block] = []
    for block in answer.blocks:
        size = _size(block)
        if size > left:
            answer.stop_reason, answer.stop_sequence = "max_tokens", None
            if not isinstance(block, Call) and left:
                kept.append(_cut(block, left))
                answer.output_tokens += left
            break
        left -= size
        answer.output_tokens += size
        answer.thinking_tokens += size if isinstance(block, Thought) else 0
        kept.append(block)
    answer.blocks = kept


def _cut(block: Thought | Words, length: int) -> Block:
    if isinstance(block, Words):
        return Words(block.pieces[:length], block.citations)
    # The signature covers the whole text; a thought cut short has none.
    return Thought(block.pieces[:length], None, block.redacted)


def _size(block: Block) -> int:
    if isinstance(block, Call):
        return max(1, tokens.estimate(tokens.weight(block.name) + sum(map(len, block.fragments))))
    if isinstance(block, Thought) and block.redacted:
        return tokens.estimate(len(block.redacted))
    return len(block.pieces)
