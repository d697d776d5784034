"""Reasoning comes back by whichever lane a client has kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.chat.reasoning import decode_reasoning, encode_details, encode_extra_content
from app.core.prompt import Reasoning

SIGNED = Reasoning("Hm.", "sig")
REDACTED = Reasoning(redacted="cmVk")
DETAILS = [
    {"type": "reasoning.text", "text": "Hm.", "signature": "sig", "index": 0},
    {"type": "reasoning.encrypted", "data": "cmVk", "index": 1},
]
EXTRA = {"extra_content": {"bedrock": {"reasoning": DETAILS}}}


@pytest.mark.parametrize(
    ("message", "blocks"),
    [
        ({}, []),
        ({"reasoning_details": DETAILS}, [SIGNED, REDACTED]),
        ({"tool_calls": [{}, EXTRA]}, [SIGNED, REDACTED]),
        (
            {
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "cmVk"},
                    {"type": "redacted_thinking"},
                    {"type": "other"},
                ]
            },
            [SIGNED, REDACTED],
        ),
        ({"content": [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}]}, [SIGNED]),
        ({"reasoning_content": "Hm."}, [Reasoning("Hm.")]),
        ({"reasoning": "Hm."}, [Reasoning("Hm.")]),
        ({"reasoning_content": "  ", "reasoning": {"effort": "low"}}, []),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}, [Reasoning("Hm.")]),
        ({"reasoning_details": [{"type": "reasoning.text"}], "reasoning_content": "Hm."}, [Reasoning("Hm.")]),
        ({"reasoning_details": "x", "tool_calls": [{"extra_content": 1}, {"extra_content": {"bedrock": 2}}]}, []),
    ],
)
def test_every_lane(message: dict[str, Any], blocks: list[Reasoning]) -> None:
    assert decode_reasoning(message) == blocks


def test_a_signed_lane_wins_over_an_unsigned_copy_beside_it() -> None:
    unsigned = [{"type": "reasoning.text", "text": "Hm."}]
    assert decode_reasoning({"reasoning_details": unsigned, "tool_calls": [EXTRA]}) == [SIGNED, REDACTED]
    assert decode_reasoning({"reasoning_details": unsigned, "reasoning_content": "other"}) == [Reasoning("Hm.")]


def test_reasoning_between_two_calls_comes_back_whole_and_once() -> None:
    later = {"extra_content": {"bedrock": {"reasoning": [{"type": "reasoning.text", "text": "2", "signature": "s2"}]}}}
    assert decode_reasoning({"tool_calls": [EXTRA, EXTRA, later]}) == [SIGNED, REDACTED, Reasoning("2", "s2")]


@given(st.lists(st.builds(Reasoning, st.text(max_size=4), st.text("ab", min_size=1, max_size=3)), max_size=3))
def test_what_goes_out_comes_back_byte_for_byte(blocks: list[Reasoning]) -> None:
    assert decode_reasoning({"reasoning_details": encode_details(blocks)}) == blocks
    extra = encode_extra_content(blocks)
    assert decode_reasoning({"tool_calls": [{"extra_content": extra}]}) == list(dict.fromkeys(blocks))


def test_nothing_that_must_come_back_is_no_extra_content() -> None:
    assert encode_extra_content([Reasoning("Hm.")]) is None
    assert encode_details([Reasoning("Hm.")], 2) == [{"type": "reasoning.text", "text": "Hm.", "index": 2}]
