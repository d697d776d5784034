"""What a deployment lets anybody call: its list of models, and whether calls may leave the region."""

from __future__ import annotations

import pytest

from app.core.access import Access
from app.core.ports import ModelEntry
from app.errors import NotFound, PermissionDenied
from tests.unit.plan.test_catalog import HAIKU, NOVA, OPUS, PROFILE, SONNET, TITAN
from tests.unit.plan.test_selection import HERE, World

NOVAS = ("amazon.nova-*",)
ARN = "arn:aws:bedrock:us-east-1:123456789012"


def test_a_list_of_the_deployments_holds_for_callers_without_rules() -> None:
    world = World(allowed=NOVAS)
    assert world.called(NOVA) == [NOVA]
    assert world.selection.concerns(HAIKU, Access())
    with pytest.raises(PermissionDenied, match="This gateway does not allow") as caught:
        world.choose(HAIKU)
    assert (caught.value.status, caught.value.code) == (403, "model_not_found")


def test_a_list_of_the_deployments_and_one_of_the_key_both_hold() -> None:
    world = World(allowed=("amazon.*", "anthropic.claude-3*"))
    assert world.called(NOVA, Access(models=("*nova*",))) == [NOVA]
    with pytest.raises(PermissionDenied, match="The key does not"):
        world.choose(NOVA, Access(models=("anthropic.*",)))
    with pytest.raises(PermissionDenied, match="This gateway does not"):
        world.choose(f"us.{SONNET}", Access(models=("*",)))


def test_models_that_a_deployment_does_not_allow_are_not_listed() -> None:
    world = World({"quick": NOVA, "slow": OPUS}, allowed=NOVAS)
    assert world.ids() == [NOVA, "fast", "quick"]
    assert [world.entry(name) for name in (HAIKU, "slow", f"us.{SONNET}")] == [None] * 3


def test_what_a_deployment_does_not_allow_is_left_out_of_a_chain() -> None:
    world = World({"x": [OPUS, NOVA, SONNET]}, allowed=NOVAS)
    assert world.called("x") == [NOVA]


def test_an_alias_on_the_list_opens_what_it_stands_for() -> None:
    world = World({"x": [OPUS, NOVA]}, allowed=("x",))
    assert world.called("x") == [f"global.{OPUS}", NOVA]
    with pytest.raises(PermissionDenied):
        world.choose(OPUS)


def test_the_list_holds_for_embeddings() -> None:
    with pytest.raises(PermissionDenied):
        World(allowed=NOVAS).choose(TITAN, embedding=True)


@pytest.mark.parametrize("name", ["gpt-nova", f"arn:aws:bedrock:nova:123456789012:inference-profile/us.{SONNET}"])
def test_a_made_up_name_does_not_get_past_the_list(name: str) -> None:
    with pytest.raises(PermissionDenied):
        World(default_model=HAIKU, allowed=("*nova*",)).choose(name)


# Calls that leave the region


def stays(setting: dict[str, object] | None = None) -> World:
    return World(setting, enable_cross_region=False, here=[*HERE, OWN])


OWN = ModelEntry(f"{ARN}:application-inference-profile/own", HAIKU, "application-profile", "Anthropic", name="own")


def test_an_alias_that_leads_to_another_region_is_passed_over() -> None:
    world = stays({"x": [{"model": NOVA, "region": "eu-west-1"}, {"model": NOVA, "profile": f"us.{NOVA}"}, HAIKU]})
    assert world.called("x") == [HAIKU]
    with pytest.raises(NotFound):
        stays({"x": {"model": NOVA, "region": "eu-west-1"}}).choose("x")


def test_an_application_profile_made_from_a_system_profile_is_neither_listed_nor_called() -> None:
    world = stays()
    assert PROFILE not in world.ids()
    assert OWN.id in world.ids()
    assert world.called("own") == [OWN.id]
    for name in ("team-search", f"global.{OPUS}", f"{ARN}:inference-profile/us.{SONNET}"):
        with pytest.raises(NotFound):
            world.choose(name)
