"""Names and ids that Converse refuses, as aliases it takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams.converse.names import call_id, tool_name


@pytest.mark.parametrize("name", ["get_weather", "a", "A-b_9", "n" * 64])
def test_a_valid_name_is_its_own_alias(name: str) -> None:
    assert tool_name(name) == name


@pytest.mark.parametrize(
    ("name", "readable"), [("fs.read", "fs_read_"), ("mcp/a b", "mcp_a_b_"), ("$", "tool_"), ("", "tool_")]
)
def test_an_alias_stays_readable_for_the_model(name: str, readable: str) -> None:
    assert tool_name(name).startswith(readable)


@given(st.text(st.characters(), max_size=100))
def test_every_name_has_an_alias_that_converse_takes(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool_name(name))
    assert tool_name(tool_name(name)) == tool_name(name)


@given(st.text(st.characters(), max_size=100))
def test_every_id_has_an_alias_that_converse_takes(identifier: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", call_id(identifier))
    assert call_id(call_id(identifier)) == call_id(identifier)


def test_names_that_read_alike_stay_apart() -> None:
    assert tool_name("fs.read") != tool_name("fs/read")
    assert tool_name("n" * 70) != tool_name("n" * 71)


def test_a_trailing_line_break_is_no_valid_name() -> None:
    assert tool_name("f\n") != "f\n"
    assert call_id("c\n") != "c\n"
