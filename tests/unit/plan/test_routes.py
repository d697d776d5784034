"""MODEL_ALIASES as people write it, rightly and wrongly."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.route import Hop
from app.plan.presets import PRESETS
from app.plan.routes import MAX_ALIASES, MAX_ARMS, MAX_STEPS, MAX_TEXT, MAX_WEIGHT, drawn, table
from app.plan.traits import traits_of
from local.models import MODELS

ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"


def hops(setting: Any, name: str = "x") -> list[list[tuple[int, Hop]]]:
    return [list(step) for step in table(json.dumps(setting))[name]]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("us.a.b", [Hop("us.a.b")]),
        ({"model": "a"}, [Hop("a")]),
        (["a", "b"], [Hop("a"), Hop("b")]),
        ({"model": ARN, "region": "us-gov-west-1"}, [Hop(ARN, "us-gov-west-1")]),
        ({"model": "a", "profile": ARN, "tier": "flex", "larger": True}, [Hop("a", "", ARN, "flex", True)]),
        (["a", {"model": "a", "region": "eu-west-1"}], [Hop("a"), Hop("a", "eu-west-1")]),
        ({"model": "a", "tier": "fast"}, [Hop("a", tier="priority")]),
        ({"model": "a", "tier": "scale"}, [Hop("a", tier="reserved")]),
    ],
)  # fmt: skip
def test_chains_without_a_split(chain: Any, expected: list[Hop]) -> None:
    assert hops({"x": chain}) == [[(1, hop)] for hop in expected]


def test_a_split_and_what_comes_behind_it() -> None:
    split = {"split": [{"model": "a", "weight": 90}, {"model": "b", "weight": 10, "tier": "flex"}]}
    first = [(90, Hop("a")), (10, Hop("b", tier="flex"))]
    assert hops({"x": [split, "c"]}) == [first, [(1, Hop("c"))]]
    assert hops({"x": split}) == [first]


def test_presets_are_there_and_can_be_replaced_and_taken_away() -> None:
    assert set(table("")) == set(PRESETS) == {"fast", "standard", "reasoning"}
    assert all(hop.listed for chain in table("").values() for step in chain for _, hop in step)
    changed = table('{"fast": "a", "reasoning": null}')
    assert set(changed) == {"fast", "standard"}
    assert changed["fast"] == (((1, Hop("a")),),)


def test_presets_name_several_vendors_models_that_exist() -> None:
    for name, models in PRESETS.items():
        assert len({model.partition(".")[0] for model in models}) >= 3, name
        assert set(models) <= set(MODELS)
        assert all(traits_of(model).family not in ("unknown", "embedding") for model in models)


def test_an_alias_within_a_chain_stands_for_its_own() -> None:
    setting = {"deep": ["y", "safe", "z"], "safe": ["a", {"model": "b", "tier": "flex"}], "mine": ["a", "fast"]}
    assert [step[0][1].model for step in table(json.dumps(setting))["deep"]] == ["y", "a", "b", "z"]
    assert [step[0][1].model for step in table(json.dumps(setting))["mine"]] == ["a", *PRESETS["fast"]]


@pytest.mark.parametrize("name", ["gpt-4o", "text-embedding-3-small", "quick", "team/quick:1", "A", "a" * 64])
def test_names_that_can_be_taken(name: str) -> None:
    assert name in table(json.dumps({name: "a"}))


SPLIT = {"split": [{"model": "a", "weight": 1}, {"model": "b", "weight": 1}]}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("{", "not JSON"),
        ('{"x": NaN}', "list of 1 to|a model's name"),
        ("[]", "a JSON object is expected"),
        ('"fast"', "a JSON object is expected"),
        ("{" + '"a":' * 5000, "not JSON"),
        (" " * MAX_TEXT + "{}", "characters"),
        ({str(number): "a" for number in range(MAX_ALIASES + 1)}, f"at most {MAX_ALIASES} aliases"),
        ({"x": []}, "list of 1 to"),
        ({"x": ["a"] * (MAX_STEPS + 1)}, "list of 1 to"),
        ({"x": ["y"] * 9, "y": ["a", "b"]}, f"at most {MAX_STEPS} targets"),
        ({"x": 5}, "a model's name"),
        ({"x": ["a", None]}, "target 2: a model's name"),
        ({"x": [["a"]]}, "a model's name"),
        ({"x": ""}, "a model's name"),
        ({"x": "two words"}, "a model's name"),
        ({"x": "a" * 3000}, "a model's name"),
        ({"x": {}}, "model: a model's name"),
        ({"x": {"modle": "a"}}, "unknown field 'modle'"),
        ({"x": {"model": "a", "weight": 5}}, "weights belong into a split"),
        ({"x": {"model": "a", "region": "mars"}}, "region: an AWS region"),
        ({"x": {"model": "a", "region": "us-west-2.evil.example"}}, "region: an AWS region"),
        ({"x": {"model": "a", "region": None}}, "region: an AWS region"),
        ({"x": {"model": "a", "tier": "cheap"}}, "tier: one of"),
        ({"x": {"model": "a", "larger": "yes"}}, "larger: true or false"),
        ({"x": {"model": "a", "profile": 7}}, "profile: the id or ARN"),
        ({"x": ["a", SPLIT]}, "only the first"),
        ({"x": {**SPLIT, "region": "us-west-2"}}, "a split stands alone"),
        ({"x": {"split": [{"model": "a", "weight": 1}]}}, "2 to 16 targets"),
        ({"x": {"split": {"a": 1, "b": 1}}}, "2 to 16 targets"),
        ({"x": {"split": ["a", "b"]}}, "arm 1: weight: a whole number"),
        ({"x": {"split": [{"model": "a", "weight": -1}, {"model": "b", "weight": 2}]}}, "weight: a whole number"),
        ({"x": {"split": [{"model": "a", "weight": True}, {"model": "b", "weight": 2}]}}, "weight: a whole number"),
        ({"x": {"split": [{"model": "a", "weight": 0}, {"model": "b", "weight": 0}]}}, "above 0"),
        ({"x": {"split": [{"model": "a", "weight": 1}, SPLIT | {"weight": 1}]}}, "unknown field 'split'"),
        ({"x": "x"}, "leads back to itself"),
        ({"x": "y", "y": ["a", "z"], "z": "x"}, r"leads back to itself \(.*->"),
        ({"x": {"model": "fast", "tier": "flex"}}, "'fast' is an alias"),
        ({"x": {"split": [{"model": "fast", "weight": 1}, {"model": "a", "weight": 1}]}}, "an arm of a split can't be"),
        ({"us.anthropic.claude-opus-5": "a"}, "is a model's id"),
        ({"amazon.nova-lite-v1:0": "a"}, "is a model's id"),
        ({"arn:aws:x": "a"}, "is a model's id"),
        ({"": "a"}, "can't be the name"),
        ({"a b": "a"}, "can't be the name"),
        ({"ünder": "a"}, "can't be the name"),
        ({"x" * 65: "a"}, "can't be the name"),
        ({"x\n": "a"}, "can't be the name"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_its_place(setting: Any, told: str) -> None:
    text = setting if isinstance(setting, str) else json.dumps(setting)
    with pytest.raises(ValueError, match=told) as caught:
        table(text)
    assert len(str(caught.value)) < 400


def test_no_model_is_repeated_in_an_error() -> None:
    with pytest.raises(ValueError, match="region") as caught:
        table(json.dumps({"x": {"model": ARN, "region": ARN}}))
    assert "123456789012" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["model", "region", "tier", "split", "weight", "larger", "profile", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["x", "y", "fast"]) | st.text(max_size=5), json_values, max_size=4))
def test_whatever_is_given_it_is_a_chain_or_a_clear_error(setting: dict[str, Any]) -> None:
    try:
        made = table(json.dumps(setting))
    except ValueError:
        return
    for chain in made.values():
        assert 0 < len(chain) <= MAX_STEPS
        assert all(isinstance(hop, Hop) for hop in drawn(chain, lambda: 0.5))


@given(
    weights=st.lists(st.integers(0, 100), min_size=2, max_size=6).filter(any),
    seed=st.integers(),
)
def test_a_split_keeps_its_proportions(weights: list[int], seed: int) -> None:
    arms = [{"model": f"m{place}", "weight": weight} for place, weight in enumerate(weights)]
    chain = table(json.dumps({"x": [{"split": arms}, "rest"]}))["x"]
    draw, count = random.Random(seed).random, 2000
    ways = [drawn(chain, draw) for _ in range(count)]
    assert {way[1].model for way in ways} == {"rest"}
    seen = Counter(way[0].model for way in ways)
    for place, weight in enumerate(weights):
        share = weight / sum(weights)
        # Six standard deviations of a binomial, and its longer tail where it is rare; none at all without a weight.
        spread = 6 * (count * share * (1 - share)) ** 0.5 + 10 * (share > 0)
        assert abs(seen[f"m{place}"] - count * share) <= spread


@pytest.mark.parametrize("point", [0.0, 0.4999999999999999, 0.5, 1 - 2**-53])
def test_the_ends_of_the_draw(point: float) -> None:
    chain = table(json.dumps({"x": {"split": [{"model": "a", "weight": 5}, {"model": "b", "weight": 5},
                                              {"model": "c", "weight": 0}]}}))["x"]  # fmt: skip
    assert drawn(chain, lambda: point)[0].model == ("a" if point < 0.5 else "b")


@given(
    weights=st.lists(st.integers(0, MAX_WEIGHT), min_size=2, max_size=MAX_ARMS).filter(any),
    point=st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 1 - 2**-53]),
)
def test_every_draw_hits_the_arm_whose_share_it_falls_into(weights: list[int], point: float) -> None:
    chain = ((*((weight, Hop(str(place))) for place, weight in enumerate(weights)),),)
    hit = int(drawn(chain, lambda: point)[0].model)
    assert weights[hit] > 0
    assert sum(weights[:hit]) <= point * sum(weights) < sum(weights[: hit + 1])
