"""From a name to a target: chains, regions, and what a key may call."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.access import Access
from app.core.plan import Target
from app.core.ports import ModelEntry
from app.core.route import Hop
from app.errors import GatewayError, NotFound, PermissionDenied, UpstreamFailure
from app.plan.access import OPEN
from app.plan.aliases import Aliases
from app.plan.catalog import Catalog
from app.plan.planner import ModelPlanner
from app.plan.selection import Selection
from app.plan.shelf import Shelf
from app.plan.traits import traits_of
from tests.unit.plan.planning import asked, call
from tests.unit.plan.test_catalog import HAIKU, NOVA, OPUS, PROFILE, SONNET, TITAN, Source, foundation, profile

HERE = [
    foundation(SONNET, on_demand=False),
    foundation(OPUS, on_demand=False),
    foundation(HAIKU),
    foundation(NOVA),
    foundation(TITAN, outputs=("EMBEDDING",)),
    profile(f"us.{SONNET}"),
    profile(f"global.{OPUS}"),
    ModelEntry(PROFILE, SONNET, "application-profile", "Anthropic", name="team-search", via=f"us.{SONNET}"),
]
THERE = [foundation(SONNET, on_demand=False), profile(f"eu.{SONNET}")]


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


class World:
    """A selection over two regions' lists: us-east-1 here, and eu-west-1."""

    def __init__(
        self, setting: dict[str, Any] | None = None, *, draw: Callable[[], float] = lambda: 0.0, **options: Any
    ) -> None:
        self.asked: list[str] = []
        here = options.pop("here", HERE)
        allowed = options.pop("allowed", ())
        text = json.dumps(setting) if setting else ""
        self.aliases = options.pop("aliases", None) or Aliases(
            text, clock=lambda: 0.0, default_model=options.get("default_model", "")
        )
        self.selection = Selection(
            self.catalog("us-east-1", here, **options),
            self.aliases,
            region=lambda: "us-east-1",
            abroad=lambda region: self.catalog(region, THERE),
            allowed=allowed,
            draw=draw,
        )
        self.shelf = Shelf(self.selection)

    def catalog(self, region: str, entries: list[ModelEntry] | None, **options: Any) -> Catalog:
        self.asked.append(region)
        source = Source(entries)
        return Catalog(source, at_once, clock=lambda: 0.0, ttl=60, region=region, traits_of=traits_of, **options)

    def choose(self, name: str, access: Access = OPEN, **options: Any) -> tuple[Target, tuple[Hop, ...]]:
        return asyncio.run(self.selection.choose(name, access, **options))

    def called(self, name: str, access: Access = OPEN, **options: Any) -> list[str]:
        """The model ids that a request would be put to, one after the other, were each of them to fail."""
        ids, (target, route) = [], self.choose(name, access, **options)
        ids.append(target.model_id)
        while route := route[1:]:
            try:
                target, route = self.choose(name, access, route=route, **options)
            except GatewayError:
                break
            ids.append(target.model_id)
        return ids

    def ids(self, access: Access = OPEN) -> list[str]:
        return sorted(entry.id for entry in asyncio.run(self.shelf.entries(access)))

    def entry(self, name: str, access: Access = OPEN) -> ModelEntry | None:
        return asyncio.run(self.shelf.entry(name, access))


def test_only_aliases_and_keys_with_rules_come_here() -> None:
    concerns = World({"quick": NOVA}).selection.concerns
    assert concerns("quick", OPEN)
    assert concerns("fast", OPEN)
    assert not concerns(NOVA, OPEN)
    assert not concerns("anything", OPEN)
    assert concerns(NOVA, Access(models=("*",)))


def test_a_chain_is_gone_along_and_what_is_not_there_is_left_out() -> None:
    world = World({"x": ["nowhere", OPUS, "us.meta.x", NOVA, "nowhere-else"]})
    assert world.called("x") == [f"global.{OPUS}", "us.meta.x", NOVA]
    assert world.choose("x")[1][0] == Hop(OPUS)


def test_a_chain_of_which_nothing_is_there_is_a_404_for_the_alias() -> None:
    with pytest.raises(NotFound, match="'x'"):
        World({"x": ["nowhere", "nothing"]}).choose("x")


def test_presets_take_what_the_region_lists() -> None:
    world = World()
    assert world.called("fast") == [NOVA]
    assert world.called("standard") == [f"us.{SONNET}"]
    with pytest.raises(NotFound):
        World(here=[foundation(HAIKU), profile(f"us.{HAIKU}")]).choose("reasoning")


def test_presets_are_tried_as_they_stand_where_no_list_can_be_had() -> None:
    assert len(World(here=None).called("fast")) == 6


def test_what_is_ahead_of_a_request_is_told_with_its_tiers() -> None:
    world = World({"x": [NOVA, "nowhere", {"model": OPUS, "tier": "flex"}, SONNET]})
    _, route = world.choose("x")
    ahead = asyncio.run(world.selection.ahead("x", OPEN, route[1:]))
    assert [(target.model_id, tier) for target, tier in ahead] == [(f"global.{OPUS}", "flex"), (f"us.{SONNET}", "")]
    only = Access(models=("amazon.*", SONNET))
    assert [target.base_id for target, _ in asyncio.run(world.selection.ahead("x", only, route))] == [NOVA, SONNET]
    assert asyncio.run(world.selection.ahead(NOVA, OPEN, ())) == []


def test_ahead_of_a_request_is_nothing_behind_the_last_target_it_may_come_to() -> None:
    world = World({"x": [NOVA, "nowhere", "nothing"], "y": [NOVA, SONNET, OPUS]})
    for name, access in (("x", OPEN), ("y", Access(models=("amazon.*",)))):
        _, route = world.choose(name, access)
        ahead = asyncio.run(world.selection.ahead(name, access, route))
        assert [target.model_id for target, _ in ahead] == [NOVA]
        assert asyncio.run(world.selection.ahead(name, access, route[1:])) == []


def test_another_region_has_a_list_of_its_own_asked_once() -> None:
    world = World({"x": [{"model": SONNET, "region": "eu-west-1"}, {"model": SONNET, "region": "us-east-1"}]})
    assert world.asked == ["us-east-1"]
    first, route = world.choose("x")
    assert (first.model_id, first.base_id, first.region) == (f"eu.{SONNET}", SONNET, "eu-west-1")
    second, _ = world.choose("x", route=route[1:])
    assert (second.model_id, second.region) == (f"us.{SONNET}", "")
    world.choose("x")
    assert world.asked == ["us-east-1", "eu-west-1"]
    assert asyncio.run(world.selection.profile_for(first)) == f"eu.{SONNET}"
    assert asyncio.run(world.selection.profile_for(second)) == f"us.{SONNET}"


def test_a_profile_of_the_chain_is_called_by_the_rules_of_its_model() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/zzz"
    world = World({"x": {"model": SONNET, "profile": arn}, "y": {"model": NOVA, "profile": f"us.{NOVA}"}})
    target, _ = world.choose("x")
    assert (target.model_id, target.base_id, target.priced_id) == (arn, SONNET, f"us.{SONNET}")
    assert target.traits == traits_of(SONNET)
    assert world.choose("y")[0] == Target(f"us.{NOVA}", NOVA, traits_of(NOVA), priced_id=f"us.{NOVA}")


def test_an_arn_is_never_the_name_of_a_price() -> None:
    """The model behind it decides then."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/zzz"
    model = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"
    target, _ = World({"x": {"model": model, "profile": arn}}).choose("x")
    assert (target.model_id, target.base_id, target.priced_id) == (arn, NOVA, "")


def test_an_opaque_profile_is_priced_by_what_is_behind_it() -> None:
    assert World().choose("team-search")[0].priced_id == f"us.{SONNET}"
    speaking = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{SONNET}"
    assert World().choose(speaking)[0].priced_id == f"us.{SONNET}"
    assert World().choose(f"us.{SONNET}")[0].priced_id == ""


def test_embeddings_follow_aliases_too() -> None:
    world = World({"vectors": TITAN, "text-embedding-3-small": TITAN})
    for name in ("vectors", "text-embedding-3-small"):
        assert world.called(name, embedding=True) == [TITAN]


def test_a_name_that_is_neither_alias_nor_model_is_a_404_for_a_key_with_rules_too() -> None:
    with pytest.raises(NotFound, match="'nowhere'") as caught:
        World({"quick": NOVA}).choose("nowhere", Access(models=("*",)))
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_aliases_that_cant_be_read_are_no_404() -> None:
    def read() -> str:
        raise RuntimeError("GetParameter: Throttled")

    world = World(aliases=Aliases(read=read, run=at_once, clock=lambda: 0.0))
    with pytest.raises(UpstreamFailure) as caught:
        world.choose("quick")
    assert (caught.value.status, caught.value.code) == (503, "aliases_unavailable")
    assert world.called("team-search") == [PROFILE]


def test_ids_never_wait_for_a_parameter_whatever_the_key() -> None:
    reads = []

    def read() -> str:
        reads.append(1)
        return "{}"

    world = World(aliases=Aliases(read=read, run=at_once, clock=lambda: 0.0))
    assert world.called(NOVA, Access(models=("*",))) == [NOVA]
    assert reads == []
    assert world.called("fast", Access(models=("*",))) == [NOVA]
    assert reads == [1]


def test_the_plan_holds_the_chain_and_the_receipt_the_alias() -> None:
    world = World({"x": ["nowhere", {"model": SONNET, "region": "eu-west-1"}, NOVA]})
    catalog = world.selection.catalog
    planner = ModelPlanner(catalog.resolve, catalog.profile_for, router=world.selection)
    of = call()
    first = asyncio.run(planner.plan(asked("x"), of, stream=True))
    assert (first.target.model_id, [hop.model for hop in first.route]) == (f"eu.{SONNET}", [SONNET, NOVA])
    assert (of.receipt.route, of.receipt.model) == ("x", f"eu.{SONNET}")
    assert asyncio.run(planner.learn(first.target, "profile"))
    again = asyncio.run(planner.plan(first.prompt, of, stream=True, route=first.route))
    assert (again.target, again.route) == (first.target, first.route)
    last = asyncio.run(planner.plan(first.prompt, of, stream=True, route=first.route[1:]))
    assert (last.target.model_id, last.route, of.receipt.model) == (NOVA, (Hop(NOVA),), NOVA)
    plain = asyncio.run(planner.plan(asked(NOVA), of, stream=True))
    assert (plain.route, of.receipt.route) == ((), "")


# OpenAI's names


@pytest.mark.parametrize(
    ("name", "alias"),
    [("gpt-4o", "standard"), ("gpt-4o-mini", "fast"), ("o3", "reasoning"), ("o4-mini", "fast"), ("gpt-6-luna", "")],
)
def test_openais_names_work_without_a_setting(name: str, alias: str) -> None:
    """A name that a listed model has is that model; the others go to a preset by their class."""
    listed = ModelEntry("openai.gpt-6-luna", "openai.gpt-6-luna", "foundation", "OpenAI")
    world = World(here=(*HERE, listed, ModelEntry(HAIKU, HAIKU, "foundation", "Anthropic")))
    setting = {"standard": SONNET, "fast": NOVA, "reasoning": HAIKU}
    world.aliases = world.selection.aliases = Aliases(json.dumps(setting), clock=lambda: 0.0)
    target, route = world.choose(name)
    expected = {"standard": f"us.{SONNET}", "fast": NOVA, "reasoning": HAIKU, "": "openai.gpt-6-luna"}
    assert target.model_id == expected[alias]
    assert bool(route) == bool(alias)
    assert world.selection.alias_of(name) == (alias or "standard")
    entry = world.entry(name)
    assert entry is not None
    assert entry.id == name


def test_an_alias_that_is_named_like_a_listed_model_goes_first() -> None:
    listed = ModelEntry("openai.gpt-6-luna", "openai.gpt-6-luna", "foundation", "OpenAI")
    world = World({"gpt-6-luna": NOVA}, here=(*HERE, listed))
    assert world.called("gpt-6-luna") == [NOVA]


@pytest.mark.parametrize(
    "name", ["gpt-image-1", "gpt-realtime", "gpt-4o-mini-transcribe", "gpt-4o-audio-preview", "whisper-1"]
)
def test_openais_names_of_other_kinds_of_models_never_chat(name: str) -> None:
    world = World(default_model=NOVA)
    with pytest.raises(NotFound):
        world.choose(name)


def test_openais_names_can_be_switched_off() -> None:
    world = World()
    world.aliases = world.selection.aliases = Aliases(clock=lambda: 0.0, default_model="off")
    with pytest.raises(NotFound, match="Set DEFAULT_MODEL"):
        world.choose("gpt-4o")


# What a key may call


@pytest.mark.parametrize(
    ("models", "name", "called"),
    [
        ((NOVA,), NOVA, NOVA),
        (("amazon.*",), NOVA, NOVA),
        ((f"us.{SONNET}",), SONNET, f"us.{SONNET}"),
        ((SONNET,), f"eu.{SONNET}", f"eu.{SONNET}"),
        (("anthropic.*",), "team-search", PROFILE),
        (("team-*",), "team-search", PROFILE),
        (("gpt-*",), "gpt-4o", NOVA),
    ],
)
def test_allowed_by_the_word_the_called_id_or_the_base(models: tuple[str, ...], name: str, called: str) -> None:
    assert World(default_model=NOVA).called(name, Access(models=models)) == [called]


@pytest.mark.parametrize(
    "name",
    [
        "gpt-haiku",
        "ft:gpt-4o:haiku",
        f"arn:aws:bedrock:haiku:123456789012:inference-profile/us.{SONNET}",
        f"arn:aws-haiku:bedrock:us-east-1:123456789012:foundation-model/{SONNET}",
    ],
)
def test_a_made_up_name_that_fits_a_glob_leads_to_no_other_model(name: str) -> None:
    """OpenAI's names all stand for the default model, and half of an ARN is free."""
    world = World(default_model=NOVA)
    with pytest.raises(PermissionDenied):
        world.choose(name, Access(models=("*haiku*",)))
    aliased = World(aliases=Aliases('{"x": "amazon.nova-lite-v1:0"}', clock=lambda: 0.0, default_model="x"))
    with pytest.raises(PermissionDenied):
        aliased.choose(name, Access(models=("*haiku*",)))
    assert aliased.entry("gpt-haiku", Access(models=("*haiku*",))) is None


@pytest.mark.parametrize("glob", [f"us.{SONNET}", "*sonnet*", "arn:aws:bedrock:us-east-1:*", "inference-profile/us.*"])
def test_an_arn_is_allowed_by_what_it_names(glob: str) -> None:
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{SONNET}"
    assert World().called(arn, Access(models=(glob,))) == [arn]


@pytest.mark.parametrize("name", [NOVA, "gpt-4o", PROFILE, "team-search", f"us.{SONNET}"])
def test_not_allowed_is_a_403_in_the_clients_word(name: str) -> None:
    world = World(default_model=NOVA)
    with pytest.raises(PermissionDenied) as caught:
        world.choose(name, Access(models=("eu.*", "fast")))
    problem = caught.value
    assert (problem.status, problem.type, problem.code) == (403, "invalid_request_error", "model_not_found")
    assert "123456789012" not in problem.message
    assert world.entry(name, Access(models=("eu.*", "fast"))) is None


def test_an_alias_that_is_allowed_brings_its_targets_along() -> None:
    world = World({"x": [f"us.{SONNET}", NOVA]})
    assert world.called("x", Access(models=("x",))) == [f"us.{SONNET}", NOVA]
    assert world.called("x", Access(models=("amazon.*",))) == [NOVA]
    with pytest.raises(PermissionDenied):
        world.choose("x", Access(models=("meta.*",)))
    with pytest.raises(PermissionDenied):
        world.choose(NOVA, Access(models=("x",)))


def test_openais_names_are_allowed_with_the_alias_that_stands_for_them() -> None:
    world = World(aliases=Aliases('{"x": "amazon.nova-lite-v1:0"}', clock=lambda: 0.0, default_model="x"))
    for models in (("x",), ("gpt-4*",), ("amazon.*",)):
        assert world.called("gpt-4o", Access(models=models)) == [NOVA]
        entry = world.entry("gpt-4o", Access(models=models))
        assert entry is not None
        assert (entry.id, entry.kind) == ("gpt-4o", "alias")
    with pytest.raises(PermissionDenied):
        world.choose("gpt-4o", Access(models=("y",)))


def test_a_profile_of_the_key_is_called_whatever_led_to_the_model() -> None:
    world = World({"x": [SONNET, NOVA], "vectors": TITAN})
    mine = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/mine"
    access = Access(profiles={"anthropic.*": mine, TITAN: mine})
    assert world.called("x", access) == [mine, NOVA]
    assert world.called(SONNET, access) == [mine]
    assert world.called("team-search", access) == [mine]
    assert world.called("vectors", access, embedding=True) == [mine]
    assert world.choose(SONNET, access)[0].priced_id == f"us.{SONNET}"


POOL = [NOVA, SONNET, OPUS, HAIKU, f"us.{SONNET}", f"eu.{OPUS}", "nowhere", "team-search", "fast"]
GLOBS = ["*", "us.*", "amazon.*", "anthropic.*", "x", "fas?", NOVA, "global.*", "team-*", "nothing"]


@given(
    chain=st.lists(st.sampled_from(POOL), min_size=1, max_size=6, unique=True),
    split=st.none() | st.tuples(st.sampled_from(POOL[:6]), st.sampled_from(POOL[:6])),
    globs=st.lists(st.sampled_from(GLOBS), min_size=1, max_size=3),
    seed=st.integers(),
)
def test_a_chain_never_leads_to_what_the_key_may_not_call(
    chain: list[str], split: tuple[str, str] | None, globs: list[str], seed: int
) -> None:
    arms = [{"split": [{"model": model, "weight": 1} for model in split]}] if split else []
    world = World({"x": [*arms, *chain]}, draw=random.Random(seed).random)
    access = Access(models=tuple(globs))
    try:
        called = world.called("x", access)
    except (PermissionDenied, NotFound):
        return
    for model_id in called:
        base = model_id.removeprefix("us.").removeprefix("eu.").removeprefix("global.")
        names = ["x", *POOL] if model_id == PROFILE else ["x", model_id, base]
        assert any(_fits(glob, name) for glob in globs for name in names), (model_id, globs)
    if not {"x", "*"} & set(globs) and "nothing" in globs and len(set(globs)) == 1:
        raise AssertionError("nothing is allowed, and something was called")


def _fits(glob: str, name: str) -> bool:
    if glob.endswith("*"):
        return name.startswith(glob[:-1])
    return name == glob or (glob == "fas?" and name == "fast")


# What /models shows


def test_aliases_are_listed_with_the_facts_of_their_first_target() -> None:
    world = World(
        {"quick": NOVA, "abroad": {"model": SONNET, "region": "eu-west-1"}, "gone": "nowhere", "vectors": TITAN}
    )
    assert {"quick", "abroad", "vectors", "fast", "standard", NOVA} <= set(world.ids())
    assert not {"gone", "reasoning"} & set(world.ids())
    entry = world.entry("quick")
    assert entry is not None
    assert (entry.id, entry.kind, entry.base_id, entry.context_window) == ("quick", "alias", NOVA, 300_000)
    assert "chat" in entry.capabilities
    assert world.entry("gone") is None
    assert replace(entry, id="") in [replace(each, id="") for each in asyncio.run(world.shelf.entries(OPEN))]


def test_an_alias_for_a_default_embedding_model_is_listed_too() -> None:
    world = World({"vectors": "text-embedding-3-small"}, default_embedding_model=TITAN)
    entry = world.entry("vectors")
    assert entry is not None
    assert (entry.base_id, entry.capabilities) == (TITAN, ("embeddings",))


def test_each_caller_sees_what_it_may_use() -> None:
    world = World({"quick": NOVA, "best": [SONNET, NOVA]})
    assert world.ids(Access(models=("quick",))) == ["quick"]
    assert world.ids(Access(models=("amazon.nova*",))) == sorted(["best", "fast", "quick", NOVA])
    best = world.entry("best", Access(models=("amazon.nova*",)))
    assert best is not None
    assert best.base_id == NOVA
    assert world.entry(SONNET, Access(models=("amazon.nova*",))) is None
    assert world.entry(NOVA, Access(models=("amazon.nova*",))) is not None
    assert world.ids(Access(models=("nothing",))) == []


def test_an_alias_hides_an_entry_of_its_own_name() -> None:
    named = ModelEntry("quick", NOVA, "imported", "account")
    world = World({"quick": HAIKU}, here=[*HERE, named])
    assert world.ids().count("quick") == 1
