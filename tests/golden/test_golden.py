"""Whole exchanges as files: what OpenAI's client sends, what Bedrock gets; what Bedrock streams, what the client gets.

Each folder is a case, named by its feature or symptom. `UPDATE_GOLDEN=1` rewrites what is computed; read the difference
before you keep it. Every request is held against the emulator's rules as well: it must be one that Bedrock takes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.api.chat.decode import Decoded, decode
from app.api.chat.encode import ChatStream, encode_completion
from app.core.events import Event, fold
from app.core.plan import Plan
from app.core.ports import Call, Caller
from app.upstreams.converse.reply import ReplyMachine
from app.upstreams.converse.request import to_body, to_path
from local.emulator.shapes import check_body
from local.rules import UNKNOWN_MODEL, violations
from tests.unit.upstreams.converse.planning import planned

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "openai_request.json").exists())
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


def held(case: str, name: str, text: str) -> None:
    """The text is what the file holds, or becomes so where that was asked."""
    path = HERE / case / name
    if UPDATE:
        path.write_text(text)
    assert text == (path.read_text() if path.exists() else "")


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def read(case: str, name: str) -> Any:
    return json.loads((HERE / case / name).read_text())


def prepared(case: str) -> tuple[Decoded, Plan, Call]:
    decoded = decode(read(case, "openai_request.json"))
    call = Call("req-golden", Caller("key-1"), "chat.completions")
    return decoded, planned(decoded.prompt, stream=decoded.stream, call=call), call


@pytest.mark.parametrize("case", CASES)
def test_the_request_is_the_one_bedrock_takes(case: str) -> None:
    _, plan, call = prepared(case)
    body, repairs = to_body(plan)
    call.receipt.repairs |= repairs
    told = {"ignored": list(call.receipt.ignored), "repairs": dict(sorted(call.receipt.repairs.items()))}
    held(case, "converse_request.json", pretty({"path": to_path(plan), "body": body, "told": told}))
    check_body("bedrock-runtime", "ConverseRequest" if plan.whole else "ConverseStreamRequest", body)
    refused = violations(plan.target.model_id, body, streaming=not plan.whole)
    assert refused in ([], [UNKNOWN_MODEL])  # the emulator has no model without a system prompt


@pytest.mark.parametrize("case", [case for case in CASES if (HERE / case / "converse_events.json").exists()])
def test_the_answer_is_the_one_openai_would_give(case: str) -> None:
    decoded, plan, _ = prepared(case)
    machine = ReplyMachine(plan, "upstream-1")
    batches: list[list[Event]] = [machine.feed(name, event) for name, event in read(case, "converse_events.json")]
    machine.close()
    dialect: Any = {"legacy_functions": decoded.legacy_functions, "custom_tools": decoded.custom_tools}
    stream = ChatStream("chatcmpl-1", 1, decoded.prompt.model, include_usage=decoded.include_usage, **dialect)
    chunks = b"".join(stream.feed(0, batch) for batch in batches) + stream.finish()
    held(case, "openai_chunks.txt", chunks.decode())
    held(
        case,
        "openai_reply.json",
        pretty(encode_completion("chatcmpl-1", 1, decoded.prompt.model, [fold(batches)], **dialect)),
    )


def test_every_folder_is_a_case() -> None:
    assert [path.name for path in sorted(HERE.iterdir()) if path.is_dir() and path.name != "__pycache__"] == CASES
