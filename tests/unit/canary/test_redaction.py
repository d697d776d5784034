"""Texts of others, made fit for a log line."""

from __future__ import annotations

import pytest

from app.canary.redaction import Redactor, model_name

SECRET = "correct horse\tbattery"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 12 of them", "plain words, 12 of them"),
        (f"key {SECRET}!", "key (hidden)!"),
        ("two\nlines\x00\x1b[31m and  a gap", "two lines [31m and a gap"),
        ("a lone \ud83d half", "a lone half"),
        ("on arn:aws-us-gov:iam::123456789012:role/a b", "on (an ARN) b"),
        ("account 123456789012, not 1234567890123", "account (an account), not 1234567890123"),
        ("AKIAIOSFODNN7EXAMPLE and ASIAIOSFODNN7EXAMPLE", "(hidden) and (hidden)"),
        ("sk-proj-abc_DEF and Bearer abc.def", "(hidden) and (hidden)"),
        ("risk-free", "risk-free"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert Redactor(SECRET, "")(text) == shown


def test_a_long_text_is_cut_after_it_was_cleaned() -> None:
    redact = Redactor("x" * 40)
    assert redact("y" * 150 + "x" * 40) == "y" * 150 + "(hidden)"
    assert len(redact("z" * 1000)) == 160
    assert redact("abc def", 5) == "abc…"


def test_one_secret_inside_another() -> None:
    assert Redactor("abc", "abcdef")("abcdef abc") == "(hidden) (hidden)"


def test_a_model_is_shown_without_its_account() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1"
    assert model_name(arn) == "application-inference-profile/a1"
    assert model_name("us.amazon.nova-lite-v1:0") == "us.amazon.nova-lite-v1:0"
