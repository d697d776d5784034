"""Ids that this endpoint gives out, in OpenAI's spelling."""

from __future__ import annotations

import os

PREFIXES = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "custom_tool_call": "ctc_",
    "custom_call": "ctc_",
    "custom_tool_call_output": "ctco_",
    "tool_search_call": "tsc_",
    "tool_search_output": "tso_",
    "compaction": "cmp_",
}
"""Item type -> prefix; other types have `item_`."""


def new_id(prefix: str) -> str:
    return f"{prefix}{os.urandom(24).hex()}"


def item_id(kind: str) -> str:
    """Of an item that a client sent without one."""
    return new_id(PREFIXES.get(kind, "item_"))


def made_id(kind: str, response_id: str, place: int) -> str:
    """Of an item of a response: the response's own digits and four more, so that the one is found by the other."""
    return f"{PREFIXES.get(kind, 'item_')}{response_id.removeprefix('resp_')}{place & 0xFFFF:04x}"
