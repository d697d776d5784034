"""Names to targets, and the life of the list in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pytest

from app.core.plan import Target, Traits
from app.core.ports import ModelEntry
from app.errors import NotFound, UpstreamFailure
from app.plan import bases
from app.plan.catalog import Catalog

T = TypeVar("T")

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "anthropic.claude-opus-5"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012:"
PROFILE = f"{ACCOUNT}application-inference-profile/a1b2c3d4e5f6"
HIDDEN = f"{ACCOUNT}application-inference-profile/f6e5d4c3b2a1"
IMPORTED = f"{ACCOUNT}imported-model/i1m2p3o4r5t6"


def foundation(id: str, on_demand: bool = True, outputs: tuple[str, ...] = ("TEXT",)) -> ModelEntry:
    owner = id.partition(".")[0].title()
    return ModelEntry(id=id, base_id=id, kind="foundation", owner=owner, on_demand=on_demand, outputs=outputs)


def profile(id: str) -> ModelEntry:
    return ModelEntry(id=id, base_id=id.partition(".")[2], kind="profile", owner="Anthropic")


FOUNDATION = [
    foundation(SONNET, on_demand=False),
    foundation(OPUS, on_demand=False),
    foundation(HAIKU),
    foundation(NOVA),
    foundation(TITAN, outputs=("EMBEDDING",)),
]
PROFILES = [profile(f"us.{SONNET}"), profile(f"global.{SONNET}"), profile(f"global.{OPUS}")]
OWNED = [
    ModelEntry(id=PROFILE, base_id=SONNET, kind="application-profile", owner="Anthropic", name="team-search"),
    ModelEntry(id=IMPORTED, base_id="i1m2p3o4r5t6", kind="imported", owner="account", name="my-llama"),
]
EVERYTHING = [*FOUNDATION, *PROFILES, *OWNED]

TRAITS = {
    NOVA: Traits(family="nova", on_demand=True),
    SONNET: Traits(family="claude", on_demand=False, context_window=200_000),
}


def traits_of(base_id: str) -> Traits:
    return TRAITS.get(base_id, Traits())


class Source:
    """A control plane whose answers, and failures, are set from outside. `calls` counts what it was asked."""

    def __init__(self, entries: Sequence[ModelEntry] | None) -> None:
        self.entries = entries
        self.bases: dict[str, str] = {}
        self.broken = False
        self.calls: list[str] = []

    def list(self) -> Sequence[ModelEntry]:
        self.calls.append("list")
        if self.entries is None:
            raise UpstreamFailure("not now", status=503, code="models_unavailable")
        return self.entries

    def base_of(self, arn: str) -> str | None:
        self.calls.append(arn)
        if self.broken:
            raise UpstreamFailure("not now")
        return self.bases.get(arn)


async def at_once(work: Callable[[], T]) -> T:
    await asyncio.sleep(0)
    return work()


class World:
    """A catalogue with everything round it; `now` is its clock."""

    def __init__(self, entries: Sequence[ModelEntry] | None = EVERYTHING, **settings: Any) -> None:
        self.now = 1000.0
        self.source = Source(entries)
        run: Callable[[Callable[[], Any]], Awaitable[Any]] = settings.pop("run", at_once)
        options: dict[str, Any] = {"region": "us-east-1", "ttl": 3600.0, "traits_of": traits_of} | settings
        self.catalog = Catalog(self.source, run, clock=lambda: self.now, **options)
        self.models = self.catalog

    def wire(self, name: str, **kwargs: bool) -> str:
        return asyncio.run(self.catalog.resolve(name, **kwargs)).model_id

    def ids(self) -> list[str]:
        return [entry.id for entry in asyncio.run(self.read())]

    async def read(self) -> Sequence[ModelEntry]:
        entries = await self.models.entries()
        await settle()
        return entries

    def entry(self, name: str) -> ModelEntry | None:
        return asyncio.run(self.models.entry(name))


async def settle() -> None:
    """Let what runs in the background come to its end."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.gather(*others)


# Names


@pytest.mark.parametrize(
    ("name", "base"),
    [
        (f"us.{SONNET}", SONNET),
        (f"eu.{SONNET}", SONNET),
        (NOVA, NOVA),
        (f"{NOVA}:300k", NOVA),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{OPUS}", OPUS),
        (f"{ACCOUNT}inference-profile/us.{OPUS}", OPUS),
    ],
)
def test_a_name_that_says_everything_goes_out_as_it_is_without_asking_anybody(name: str, base: str) -> None:
    world = World()
    target = asyncio.run(world.catalog.resolve(name))
    assert (target.model_id, target.base_id, target.traits) == (name, base, traits_of(base))
    assert world.source.calls == []


def test_on_demand_throughput_isnt_supported_so_a_bare_id_takes_its_own_geographys_profile() -> None:
    world = World()
    target = asyncio.run(world.catalog.resolve(SONNET))
    assert (target.model_id, target.base_id) == (f"us.{SONNET}", SONNET)
    assert world.source.calls == ["list"]


def test_global_comes_first_only_by_setting_and_last_otherwise() -> None:
    assert World(prefer_global=True).wire(SONNET) == f"global.{SONNET}"
    assert World().wire(OPUS) == f"global.{OPUS}"


def test_a_listed_on_demand_model_is_called_as_it_is() -> None:
    assert World().wire(HAIKU) == HAIKU
    assert World().wire(f"{HAIKU}:200k") == f"{HAIKU}:200k"


def test_a_profile_is_used_though_its_model_is_not_listed_in_the_region() -> None:
    assert World([*PROFILES, foundation(NOVA)]).wire(OPUS) == f"global.{OPUS}"


def test_a_model_without_a_profile_for_the_region_goes_out_as_it_is() -> None:
    assert World([foundation(OPUS, on_demand=False), profile(f"eu.{OPUS}")]).wire(OPUS) == OPUS


def test_an_unknown_id_is_404_when_the_list_is_there() -> None:
    world = World()
    for name in (
        "anthropic.claude-nonsense",
        "claude-3.5-sonnet",
        "foo",
        "",
        "x" * 200,
        "x" * 3000,
        "arn:aws:s3:::bucket/key",
    ):
        with pytest.raises(NotFound) as caught:
            world.wire(name)
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "123456789012" not in str(caught.value)


def test_openais_names_go_to_the_default_models() -> None:
    world = World(default_model=SONNET, default_embedding_model=TITAN)
    assert world.wire("gpt-4o") == f"us.{SONNET}"
    assert world.wire("text-embedding-3-small", embedding=True) == TITAN
    assert world.wire("gpt-4o", embedding=True) == TITAN
    with pytest.raises(NotFound):
        world.wire("text-embedding-3-small")


def test_openais_names_are_404_without_a_default() -> None:
    for name, embedding in (("gpt-4o", False), ("o3-mini", False), ("text-embedding-3-small", True)):
        with pytest.raises(NotFound, match=name):
            World().wire(name, embedding=embedding)


def test_a_404_for_an_openai_name_says_what_to_set() -> None:
    with pytest.raises(NotFound, match="Set DEFAULT_MODEL"):
        World().wire("gpt-4o")
    with pytest.raises(NotFound, match="Set DEFAULT_EMBEDDING_MODEL"):
        World().wire("text-embedding-3-small", embedding=True)
    with pytest.raises(NotFound, match="It makes embeddings"):
        World().wire("text-embedding-3-small")


def test_a_default_that_is_an_openai_name_itself_is_no_loop() -> None:
    with pytest.raises(NotFound):
        World(default_model="gpt-4o").wire("gpt-4o")


def test_the_accounts_own_names_become_arns() -> None:
    world = World()
    target = asyncio.run(world.catalog.resolve("team-search"))
    assert (target.model_id, target.base_id) == (PROFILE, SONNET)
    assert world.wire("a1b2c3d4e5f6") == PROFILE


# Switches


def test_without_cross_region_inference_profiles_are_neither_listed_nor_used() -> None:
    world = World(enable_cross_region=False)
    assert world.ids() == [HAIKU, NOVA, TITAN, PROFILE, IMPORTED]
    assert world.wire(SONNET) == SONNET
    assert asyncio.run(world.catalog.profile_for(SONNET)) is None
    for name in (f"us.{SONNET}", f"{ACCOUNT}inference-profile/us.{SONNET}"):
        with pytest.raises(NotFound):
            world.wire(name)
    assert world.entry(SONNET) is None


def test_without_application_profiles_they_are_not_listed() -> None:
    world = World(enable_application_profiles=False)
    assert PROFILE not in world.ids()
    assert f"us.{SONNET}" in world.ids()


# When the control plane can't be asked


def test_without_a_list_the_usual_profile_is_guessed_only_for_models_that_need_one() -> None:
    world = World(None)
    assert world.wire(SONNET) == f"us.{SONNET}"
    assert world.wire(HAIKU) == HAIKU
    assert world.wire("newcomer.model-1") == "newcomer.model-1"
    with pytest.raises(NotFound):
        world.wire("foo")


def test_nothing_is_guessed_without_a_region_or_against_the_switch() -> None:
    assert World(None, region="").wire(SONNET) == SONNET
    assert World(None, enable_cross_region=False).wire(SONNET) == SONNET


def test_a_list_without_profiles_still_leads_to_the_usual_profile() -> None:
    world = World(FOUNDATION)
    assert world.wire(OPUS) == f"us.{OPUS}"
    entry = world.entry(OPUS)
    assert entry is not None
    assert (entry.id, entry.base_id, entry.kind) == (OPUS, OPUS, "foundation")


def test_a_list_without_foundation_models_refuses_nothing() -> None:
    world = World(PROFILES)
    assert world.wire(HAIKU) == HAIKU
    assert world.wire(OPUS) == f"global.{OPUS}"


# The profile that was found out


def test_a_model_that_refused_an_on_demand_call_is_called_by_its_profile_from_then_on() -> None:
    world = World([foundation(NOVA), profile(f"us.{NOVA}")])
    assert world.wire(NOVA) == NOVA
    assert asyncio.run(world.catalog.profile_for(NOVA)) == f"us.{NOVA}"
    assert world.wire(NOVA) == f"us.{NOVA}"


def test_a_refusal_without_a_profile_changes_nothing() -> None:
    world = World([foundation(NOVA), profile(f"us.{OPUS}")])
    assert asyncio.run(world.catalog.profile_for(NOVA)) is None
    assert world.wire(NOVA) == NOVA


# ARNs that hide their model


def test_an_opaque_arn_gets_the_rules_of_the_model_behind_it_and_is_asked_about_once() -> None:
    world = World()
    world.source.bases[HIDDEN] = f"us.{SONNET}"
    for _ in range(2):
        target = asyncio.run(world.catalog.resolve(HIDDEN))
        assert (target.model_id, target.base_id, target.traits) == (HIDDEN, SONNET, TRAITS[SONNET])
    assert world.source.calls == [HIDDEN]


def test_without_cross_region_inference_an_opaque_arn_of_a_profile_that_leaves_the_region_is_not_called() -> None:
    world = World(enable_cross_region=False)
    world.source.bases[HIDDEN] = f"us.{SONNET}"
    with pytest.raises(NotFound):
        world.wire(HIDDEN)
    world = World(enable_cross_region=False)
    world.source.bases[HIDDEN] = HAIKU
    assert world.wire(HIDDEN) == HIDDEN


def test_a_burst_for_one_arn_asks_once() -> None:
    world = World()
    world.source.bases[HIDDEN] = SONNET

    async def burst() -> None:
        await asyncio.gather(*(world.catalog.resolve(HIDDEN) for _ in range(20)))

    asyncio.run(burst())
    assert world.source.calls == [HIDDEN]


@pytest.mark.parametrize("broken", [True, False])
def test_an_arn_nobody_can_tell_about_goes_out_with_default_rules_and_is_asked_about_again_later(broken: bool) -> None:
    world = World()
    world.source.broken = broken
    for _ in range(2):
        target = asyncio.run(world.catalog.resolve(HIDDEN))
        assert (target.model_id, target.base_id, target.traits) == (HIDDEN, "f6e5d4c3b2a1", Traits())
    assert world.source.calls == [HIDDEN, "list"]
    world.now += 61
    world.source.broken = False
    world.source.bases[HIDDEN] = NOVA
    assert asyncio.run(world.catalog.resolve(HIDDEN)).base_id == NOVA


def test_the_list_answers_for_an_arn_where_it_can() -> None:
    world = World()
    assert world.ids()
    assert asyncio.run(world.catalog.resolve(PROFILE)).base_id == SONNET
    assert world.source.calls == ["list"]
    assert asyncio.run(world.catalog.resolve(IMPORTED)).base_id == "i1m2p3o4r5t6"
    assert world.source.calls == ["list", IMPORTED]


def test_the_list_answers_where_looking_closer_is_not_allowed() -> None:
    world = World()
    assert asyncio.run(world.catalog.resolve(PROFILE)).base_id == SONNET
    assert world.source.calls == [PROFILE, "list"]


def test_a_client_that_sends_many_arns_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases, "LIMIT", 2)
    world = World()
    arns = [f"{HIDDEN}{number}" for number in range(3)]
    world.source.bases = dict.fromkeys(arns, NOVA)
    for arn in [*arns, arns[2], arns[0]]:
        world.wire(arn)
    assert world.source.calls == [*arns, arns[0]]


# What /models says


def test_the_list_has_what_can_be_called() -> None:
    assert World().ids() == [
        HAIKU,
        NOVA,
        TITAN,
        f"us.{SONNET}",
        f"global.{SONNET}",
        f"global.{OPUS}",
        PROFILE,
        IMPORTED,
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (NOVA, "foundation"),
        (f"us.{SONNET}", "profile"),
        (SONNET, "profile"),
        (PROFILE, "application-profile"),
        ("team-search", "application-profile"),
        ("gpt-4o", "alias"),
        ("text-embedding-3-small", "alias"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}", "foundation"),
        (f"{ACCOUNT}inference-profile/us.{SONNET}", "profile"),
        (HIDDEN, "application-profile"),
    ],
)
def test_whatever_a_request_may_name_can_be_retrieved_under_that_name(name: str, kind: str) -> None:
    world = World(default_model=SONNET, default_embedding_model=TITAN)
    world.source.bases[HIDDEN] = SONNET
    entry = world.entry(name)
    assert entry is not None
    assert (entry.id, entry.kind) == (name, kind)


@pytest.mark.parametrize(
    "name",
    [
        f"eu.{SONNET}",
        "us.anthropic.claude-nonsense",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-nonsense",
        HIDDEN,
        "gpt-4o",
        "foo",
    ],
)
def test_what_can_not_be_called_from_here_can_not_be_retrieved(name: str) -> None:
    assert World().entry(name) is None


def test_clients_guess_context_size_so_entries_carry_it() -> None:
    entry = World().entry(SONNET)
    assert entry is not None
    assert entry.context_window == 200_000


@pytest.mark.parametrize(("base", "owner"), [("newcomer.model-1", "newcomer"), ("f6e5d4c3b2a1", "account")])
@pytest.mark.parametrize("entries", [EVERYTHING, None])
def test_a_target_that_is_not_listed_is_described_by_its_traits(
    entries: list[ModelEntry] | None, base: str, owner: str
) -> None:
    facts = Traits(family="claude", context_window=100_000)
    world = World(entries, traits_of=lambda _: facts)
    entry = asyncio.run(world.catalog.describe(Target(f"us.{base}", base, facts)))
    assert (entry.id, entry.base_id, entry.kind, entry.owner) == (base, base, "foundation", owner)
    assert entry.context_window == 100_000
    assert "chat" in entry.capabilities


# The life of the list


def test_the_list_is_fetched_when_first_needed_and_kept() -> None:
    world = World()
    assert world.source.calls == []
    assert world.ids() == world.ids()
    assert world.source.calls == ["list"]


def test_a_burst_at_start_loads_once_and_a_client_that_leaves_does_not_stop_it() -> None:
    world = World()

    async def burst() -> list[Any]:
        readers = [asyncio.create_task(world.catalog.resolve(SONNET)) for _ in range(20)]
        await asyncio.sleep(0)
        readers[0].cancel()
        return await asyncio.gather(*readers, return_exceptions=True)

    first, *others = asyncio.run(burst())
    assert isinstance(first, asyncio.CancelledError)
    assert {target.model_id for target in others} == {f"us.{SONNET}"}
    assert world.source.calls == ["list"]


def test_an_aged_list_is_served_and_fetched_anew_behind_the_request() -> None:
    world = World()
    world.ids()
    world.now += 3601
    world.source.entries = [foundation(NOVA)]
    assert len(world.ids()) > 1
    assert world.source.calls == ["list", "list"]
    assert world.ids() == [NOVA]


def test_a_failed_refresh_leaves_the_old_list_and_is_not_repeated_before_a_minute() -> None:
    world = World()
    before = world.ids()
    world.source.entries = None
    world.now += 3601
    assert [world.ids(), world.ids()] == [before, before]
    assert world.source.calls == ["list", "list"]
    world.now += 61
    world.source.entries = [foundation(NOVA)]
    assert world.ids() == before
    assert world.ids() == [NOVA]


def test_requests_during_a_refresh_share_it() -> None:
    world = World()
    world.ids()
    world.now += 3601

    async def burst() -> None:
        for _ in range(5):
            await world.catalog.entries()
        await settle()

    asyncio.run(burst())
    assert world.source.calls == ["list", "list"]


def test_without_any_list_models_is_503_and_the_control_plane_is_left_in_peace() -> None:
    world = World(None)
    for _ in range(2):
        with pytest.raises(UpstreamFailure, match="not now") as caught:
            world.ids()
        assert (caught.value.status, caught.value.code, caught.value.retry_after) == (503, "models_unavailable", 60)
    assert world.source.calls == ["list"]
    with pytest.raises(UpstreamFailure):
        world.entry("foo")
    world.now += 60
    world.source.entries = EVERYTHING
    assert NOVA in world.ids()


def test_a_name_longer_than_any_models_is_not_looked_up() -> None:
    with pytest.raises(NotFound):
        World().wire("gpt-oss-" + "x" * 150)
