"""Which names are aliases, and the life of a parameter that holds them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from app.plan.aliases import REFRESH_SECONDS, Aliases
from app.plan.bases import RETRY_SECONDS
from app.plan.presets import PRESETS
from app.plan.routes import Chain


def models(chain: Chain | None) -> list[str] | None:
    return None if chain is None else [hop.model for step in chain for _, hop in step]


class Parameter:
    """A parameter whose text, and failures, are set from outside; `now` is the clock."""

    def __init__(self, text: str = '{"quick": "a"}') -> None:
        self.text: str | Exception = text
        self.reads = 0
        self.now = 1000.0
        self.aliases = Aliases(read=self.read, run=self.run, clock=lambda: self.now, default_model="quick")

    def read(self) -> str:
        self.reads += 1
        if isinstance(self.text, Exception):
            raise self.text
        return self.text

    async def run(self, work: Callable[[], Any]) -> Any:
        await asyncio.sleep(0)
        return work()

    async def found(self, name: str) -> list[str] | None:
        found = models(await self.aliases.find(name))
        for _ in range(10):  # what was begun behind the request's back comes to its end
            await asyncio.sleep(0)
        return found


def aliases(setting: dict[str, Any] | None = None, **options: Any) -> Aliases:
    return Aliases(json.dumps(setting) if setting else "", clock=lambda: 0.0, **options)


async def test_presets_exist_without_a_setting() -> None:
    mine = aliases()
    assert all(name in mine for name in PRESETS)
    assert models(await mine.find("fast")) == list(PRESETS["fast"])
    assert "quick" not in mine
    assert await mine.find("quick") is None


async def test_a_setting_adds_changes_and_takes_away() -> None:
    mine = aliases({"quick": "a", "fast": "b", "reasoning": None})
    assert models(await mine.find("quick")) == ["a"]
    assert models(await mine.find("fast")) == ["b"]
    assert "reasoning" not in mine
    assert set(await mine.all()) == {"quick", "fast", "standard"}


def test_a_wrong_setting_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="unknown field"):
        aliases({"x": {"modle": "a"}})


async def test_openais_names_lead_to_a_default_that_is_an_alias() -> None:
    mine = aliases({"vectors": "e"}, default_model="fast", default_embedding_model="vectors")
    assert "gpt-4o" in mine
    assert models(await mine.find("gpt-4o")) == list(PRESETS["fast"])
    assert models(await mine.find("text-embedding-3-small", embedding=True)) == ["e"]
    assert await mine.find("text-embedding-3-small") is None
    assert models(await mine.find("gpt-4o", embedding=True)) == ["e"]
    assert [mine.alias_of(name) for name in ("gpt-4o", "fast", "quack", "text-embedding-3-small")] == [
        "fast",
        "fast",
        "",
        "",
    ]
    assert mine.alias_of("text-embedding-3-small", embedding=True) == "vectors"
    assert "us.anthropic.x" not in mine
    assert await mine.find("us.anthropic.x") is None


async def test_openais_names_go_to_presets_by_their_class() -> None:
    mine = aliases()
    assert [
        mine.alias_of(name)
        for name in ("gpt-4o", "gpt-4.1-nano", "o1-pro", "o4-mini", "gpt-5-pro", "chatgpt-4o-latest")
    ] == [
        "standard",
        "fast",
        "reasoning",
        "fast",
        "reasoning",
        "standard",
    ]
    assert "gpt-4o" in mine
    assert models(await mine.find("gpt-4o-mini")) == list(PRESETS["fast"])
    assert mine.alias_of("gpt-4o", embedding=True) == mine.alias_of("claude-3") == ""
    assert "gpt-4o" not in aliases(default_model="off")


async def test_openais_names_are_the_catalogues_where_the_default_is_a_model() -> None:
    mine = aliases(default_model="us.anthropic.x")
    assert "gpt-4o" not in mine
    assert await mine.find("gpt-4o") is None


async def test_an_alias_may_be_called_like_a_model_of_openais() -> None:
    mine = aliases({"gpt-4o": "a"}, default_model="fast")
    assert models(await mine.find("gpt-4o")) == ["a"]
    assert models(await mine.find("gpt-4o-mini")) == list(PRESETS["fast"])


# A parameter


async def test_a_parameter_is_read_once_when_first_needed_and_anew_after_an_hour() -> None:
    world = Parameter()
    assert world.reads == 0
    assert "quick" in world.aliases
    assert await world.found("quick") == ["a"]
    assert await world.found("gpt-4o") == ["a"]
    assert await world.found("quack") is None
    assert "quack" not in world.aliases
    assert world.reads == 1
    world.text = '{"quick": "b"}'
    world.now += REFRESH_SECONDS
    assert await world.found("quick") == ["a"], "the old one, while the new one is fetched"
    assert await world.found("quick") == ["b"]
    assert world.reads == 2


async def test_what_can_only_be_a_model_never_waits_for_the_parameter() -> None:
    world = Parameter()
    for name in (
        "us.anthropic.claude-opus-5",
        "amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/x",
    ):
        assert name not in world.aliases
    assert world.reads == 0


@pytest.mark.parametrize("wrong", [RuntimeError("GetParameter: AccessDeniedException"), "{", "", '{"x": {}}'])
async def test_a_parameter_that_fails_leaves_what_was_known(
    wrong: str | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    world = Parameter()
    assert await world.found("quick") == ["a"]
    world.text = wrong
    world.now += REFRESH_SECONDS
    with caplog.at_level(logging.ERROR):
        assert await world.found("quick") == ["a"]
    if wrong == "":  # an empty parameter is no mistake: only the presets
        assert await world.found("quick") is None
        return
    assert await world.found("quick") == ["a"]
    assert "the old ones stay in use" in caplog.text
    assert world.reads == 2, "no second attempt at once"
    world.text, world.now = '{"quick": "c"}', world.now + RETRY_SECONDS
    await world.found("quick")
    assert await world.found("quick") == ["c"]


async def test_presets_work_where_the_parameter_was_never_read(caplog: pytest.LogCaptureFixture) -> None:
    world = Parameter()
    world.text = RuntimeError("GetParameter: ThrottlingException")
    assert await world.found("fast") == list(PRESETS["fast"])
    assert world.aliases.missing
    assert "there are only the presets (GetParameter: ThrottlingException)" in caplog.text
    assert await world.found("quick") is None
    assert world.reads == 1
    world.text, world.now = '{"quick": "a"}', world.now + RETRY_SECONDS
    assert await world.found("quick") == ["a"]
    assert not world.aliases.missing


async def test_requests_at_once_share_one_read_and_one_that_leaves_does_not_take_it_along() -> None:
    world = Parameter()
    gone = asyncio.create_task(world.aliases.find("quick"))
    await asyncio.sleep(0)
    others = [asyncio.create_task(world.aliases.find("quick")) for _ in range(5)]
    gone.cancel()
    assert [models(found) for found in await asyncio.gather(*others)] == [["a"]] * 5
    assert world.reads == 1
