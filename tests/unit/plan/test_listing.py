"""The index over the model list, and the facts it adds."""

from __future__ import annotations

import pytest

from app.core.plan import Traits
from app.core.ports import ModelEntry
from app.plan.listing import Listing, capabilities, complete
from app.plan.traits import traits_of

OPUS = "anthropic.claude-opus-5"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"


def plain(base_id: str) -> Traits:
    return Traits()


def claude(base_id: str) -> Traits:
    return Traits(
        family="claude",
        context_window=1_000_000,
        max_output=128_000,
        modalities=frozenset({"image", "document"}),
        reasoning="adaptive",
        structured="yes",
        cache_points=True,
    )


def foundation(id: str = OPUS, **facts: object) -> ModelEntry:
    return ModelEntry(**{"id": id, "base_id": id, "kind": "foundation", "owner": "Anthropic"} | facts)  # type: ignore[arg-type]


def profile(id: str, base_id: str = OPUS) -> ModelEntry:
    return ModelEntry(id=id, base_id=base_id, kind="profile", owner="Anthropic")


def listing(*entries: ModelEntry, order: tuple[str, ...] = ("us", "global")) -> Listing:
    return Listing(entries, order=order, traits_of=plain, today="2026-12-01")


@pytest.mark.parametrize(("known", "told"), [("2026-12-01", "LEGACY"), ("2026-12-02", "ACTIVE"), ("", "ACTIVE")])
def test_a_model_whose_end_has_passed_is_marked(known: str, told: str) -> None:
    (entry,) = listing(foundation(end_of_life=known)).entries
    assert (entry.lifecycle, entry.end_of_life) == (told, known)


def test_an_end_that_the_control_plane_does_not_know_comes_from_the_traits() -> None:
    marengo = "twelvelabs.marengo-embed-2-7-v1:0"
    models = Listing([foundation(marengo)], order=(), traits_of=traits_of, today="2026-12-01")
    assert [(entry.lifecycle, entry.end_of_life) for entry in models.entries] == [("LEGACY", "2026-11-30")]
    models = Listing([foundation(marengo, end_of_life="2027-06-30")], order=(), traits_of=traits_of, today="2026-12-01")
    assert [(entry.lifecycle, entry.end_of_life) for entry in models.entries] == [("ACTIVE", "2027-06-30")]


def test_a_model_that_needs_a_profile_is_known_but_not_listed() -> None:
    models = listing(foundation(on_demand=False), profile(f"us.{OPUS}"))
    assert [entry.id for entry in models.entries] == [f"us.{OPUS}"]
    assert models.find(OPUS) is not None


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (("us", "global"), f"us.{OPUS}"),
        (("global", "us"), f"global.{OPUS}"),
        (("eu", "global"), f"global.{OPUS}"),
        (("eu",), None),
    ],
)
def test_the_profile_by_preference(order: tuple[str, ...], expected: str | None) -> None:
    models = listing(profile(f"global.{OPUS}"), profile(f"us.{OPUS}"), order=order)
    assert models.profile(OPUS) == expected
    assert models.profile("anthropic.other") is None


def test_a_profile_of_an_unknown_provider_is_found_too() -> None:
    assert listing(profile("us.newcomer.model-1", "newcomer.model-1")).profile("newcomer.model-1") == (
        "us.newcomer.model-1"
    )


def test_what_belongs_to_the_account_is_found_by_name_and_short_id() -> None:
    entry = ModelEntry(id=PROFILE, base_id=OPUS, kind="application-profile", owner="Anthropic", name="team-search")
    models = listing(foundation(name="Claude Opus 5"), entry)
    assert models.find(PROFILE) == models.find("team-search") == models.find("a1b2c3d4e5f6") == entry
    assert models.find("Claude Opus 5") is None
    assert models.find("") is None


def test_of_two_with_one_name_it_is_always_the_same() -> None:
    first, second = (
        ModelEntry(id=PROFILE + digit, base_id=OPUS, kind="application-profile", owner="", name="team")
        for digit in ("1", "2")
    )
    assert listing(first, second).find("team") == listing(second, first).find("team") == first


def test_the_traits_fill_what_the_control_plane_leaves_out() -> None:
    entry = complete(
        ModelEntry(id=f"us.{OPUS}", base_id=f"us.{OPUS}:200k", kind="profile", owner="", outputs=("TEXT",)),
        claude,
        "2026-12-01",
    )
    assert entry.base_id == OPUS
    assert (entry.context_window, entry.max_output) == (1_000_000, 128_000)
    assert entry.inputs == ("text", "document", "image")
    assert entry.outputs == ("text",)
    assert entry.capabilities == (
        "chat",
        "streaming",
        "tools",
        "vision",
        "reasoning",
        "structured_outputs",
        "prompt_caching",
    )


def test_what_the_control_plane_says_stays() -> None:
    entry = foundation(
        inputs=("TEXT", "SPEECH", "AUDIO"), streams=False, context_window=5, max_output=3, outputs=("TEXT",)
    )
    found = complete(entry, claude, "2026-12-01")
    assert found.inputs == ("text", "audio")
    assert (found.context_window, found.max_output) == (5, 3)
    assert "streaming" not in found.capabilities
    assert "vision" not in found.capabilities
    assert complete(foundation(capabilities=("chat",)), claude, "2026-12-01").capabilities == ("chat",)


@pytest.mark.parametrize(("output", "capability"), [("IMAGE", "images"), ("EMBEDDING", "embeddings")])
def test_a_model_that_paints_or_embeds_does_not_get_its_familys_limits(output: str, capability: str) -> None:
    entry = complete(foundation(outputs=(output,)), claude, "2026-12-01")
    assert (entry.context_window, entry.max_output, entry.capabilities) == (None, None, (capability,))


def test_an_embedding_familys_limits_are_its_own() -> None:
    of_embeddings = Traits(family="embedding", context_window=8192)
    entry = complete(foundation(outputs=("EMBEDDING",)), lambda base: of_embeddings, "2026-12-01")
    assert entry.context_window == 8192


@pytest.mark.parametrize(
    ("outputs", "family", "expected"),
    [
        (("embedding",), "unknown", ("embeddings",)),
        ((), "embedding", ("embeddings",)),
        (("text",), "unknown", ()),
        (("video",), "nova", ()),
        (("text",), "llama", ("chat", "streaming", "tools")),
        ((), "llama", ("chat", "streaming", "tools")),
    ],
)
def test_no_capability_is_claimed_that_is_not_known(
    outputs: tuple[str, ...], family: str, expected: tuple[str, ...]
) -> None:
    assert capabilities(foundation(outputs=outputs), Traits(family=family)) == expected
