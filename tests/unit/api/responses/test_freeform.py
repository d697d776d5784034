"""The input of a freeform tool as it grows: the same however its JSON is cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.responses.freeform import Freeform, freeform
from tests.unit.core.answers import cut

TEXTS = st.text() | st.text(alphabet='\\"\n\ud83d\udca9/bu0', max_size=12).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
)


def grown(pieces: list[str]) -> list[str]:
    reader = Freeform()
    return [*(reader.feed(piece) for piece in pieces), reader.finish()]


@given(TEXTS, st.booleans(), st.lists(st.integers(0, 60), max_size=8), st.sampled_from(["", " ", "\n "]))
def test_it_is_the_string_in_the_json(text: str, ascii: bool, places: list[int], blank: str) -> None:
    body = json.dumps(text, ensure_ascii=ascii)
    arguments = f'{blank}{{{blank}"input"{blank}:{blank}{body}{blank}}}'
    assert "".join(grown(cut(arguments, places))) == text


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_nothing_a_model_writes_is_an_error(arguments: str, places: list[int]) -> None:
    grown(cut(arguments, places))
    grown(cut('{"input":"' + arguments, places))


@given(st.text(max_size=20), st.lists(st.integers(0, 60), max_size=5))
def test_other_forms_come_whole_at_the_end(text: str, places: list[int]) -> None:
    arguments = json.dumps({"other": text})
    assert grown(cut(arguments, places))[-1] == arguments


def test_it_grows_with_what_comes() -> None:
    assert grown(['{"inp', 'ut":', ' "*** ', "Begin\\", 'n\\u00', 'e9"', ', "x": 1}']) == [
        "", "", "*** ", "Begin", "\n", "\u00e9", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"a', "a"),
        ('{"input":"a\\', "a"),
        ('{"input":"\\ud83d', "\ufffd"),
        ('{"input":"\\ud83dx"}', "\ufffdx"),
        ('{"input":"\\ud83d\\n"}', "\ufffd\n"),
        ('{"input":"\\ud83d\\ud83d\\ude00"}', "\ufffd\U0001f600"),
        ('{"input":"\\ude00"}', "\ufffd"),
        ('{"input":"\\uzzzz\\q"}', "uzzzzq"),
        ('{"input":"\\\\"}', "\\"),
        ("{}", "{}"),
        ('{"input":1}', '{"input":1}'),
        ("[1]", "[1]"),
        ("*** Begin Patch", "*** Begin Patch"),
        ("", ""),
        ('{"in', '{"in'),
    ],
)
def test_what_is_broken_is_given_as_far_as_it_goes(arguments: str, text: str) -> None:
    assert "".join(grown([arguments])) == text
    assert "".join(grown(list(arguments))) == text


def test_half_a_character_does_not_hide_the_input() -> None:
    arguments = r'{"a":1,"input":"x\ud83d"}'
    assert freeform(arguments) == "x\ufffd"
    assert "".join(grown(list(arguments))) == "x\ufffd"


def test_an_object_in_another_order_is_read_in_the_end() -> None:
    assert freeform('{"a":1,"input":"x"}') == "x"
    assert "".join(grown(list('{"a":1,"input":"x"}'))) == "x"
