"""What a prompt, a target and a receipt say of themselves."""

from __future__ import annotations

from app.core.plan import Receipt, Target, Traits
from app.core.prompt import Blob, CachePoint, Media, Text, texts


def test_the_text_of_parts_is_joined_as_it_stands() -> None:
    assert texts((Text("a "), Media("image", Blob("eA==", 1)), CachePoint(), Text("b"))) == "a b"


def test_an_arn_is_never_shown_because_it_holds_the_account() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    assert Target(arn, "amazon.nova-lite-v1:0", Traits()).shown == "amazon.nova-lite-v1:0"
    assert Target("us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", Traits()).shown == "us.amazon.nova-lite-v1:0"


def test_an_ignored_parameter_is_told_once_in_the_order_met() -> None:
    receipt = Receipt()
    receipt.ignore("seed", "top_p")
    receipt.ignore("seed")
    assert list(receipt.ignored) == ["seed", "top_p"]
