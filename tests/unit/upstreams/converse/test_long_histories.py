"""Long histories are mended in time that grows with their length, not with its square."""

from __future__ import annotations

import time

from app.core.prompt import Message, Text, ToolCall, ToolResult
from app.plan.traits import traits_of
from app.upstreams.converse.repair import repair

TRAITS = traits_of("anthropic.claude-sonnet-4-5-20250929-v1:0")
SECONDS = 3.0  # measured: 0.05 to 0.2; with a square in it, 9 and more


def test_twenty_thousand_turns_of_one_role() -> None:
    begun = time.process_time()
    repaired = repair([Message("user", (Text("x"),))] * 20_000, TRAITS)
    assert len(repaired.messages) == 1
    assert time.process_time() - begun < SECONDS


def test_six_thousand_calls_of_one_id() -> None:
    turns = (Message("assistant", (ToolCall("a", "f", "{}"),)), Message("user", (ToolResult("a", (Text("r"),)),)))
    begun = time.process_time()
    repaired = repair([Message("user", (Text("x"),)), *(turns * 6_000)], TRAITS)
    assert repaired.repairs["duplicate-id"] == 5_999
    assert time.process_time() - begun < SECONDS
