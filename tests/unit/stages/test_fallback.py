"""A chain is gone along before the first byte, for what another target may do better, and never for anything else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.access import Access
from app.core.events import Batch
from app.core.plan import Plan, Target, Traits
from app.core.ports import Call, Caller, EmbeddingItem, EmbeddingRequest, Embeddings
from app.core.prompt import Guardrail, Prompt
from app.core.route import Hop
from app.errors import (
    GatewayError,
    Internal,
    InvalidRequest,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    UpstreamFailure,
    model_not_found,
)
from app.stages.breaker import THRESHOLD, Breaker
from app.stages.fallback import LONGEST_WAIT, PATIENCE, SPARE, Fallback, FallbackEmbedder
from tests.unit.stages.upstreams import ANSWER, call, plan, taken
from tests.wire.gateway import run

THROTTLED = RateLimited("slow down", retry_after=2.0)
BUSY = UpstreamFailure("busy", status=503, code="service_unavailable")
OVERFLOW = InvalidRequest("too long", code="context_length_exceeded", param="messages")
WRONG = InvalidRequest("no such field")
DENIED = PermissionDenied("not granted")

MOVING = [
    THROTTLED,
    RateLimited("tokens per day", should_retry=False),
    QuotaExceeded("the account's own"),
    BUSY,
    UpstreamFailure("later", status=503, code="model_not_ready"),
    UpstreamFailure("can't connect", status=503, code="upstream_unreachable"),
    UpstreamFailure("cut", code="upstream_disconnected"),
    UpstreamFailure("broken", status=500, code="internal_error"),
    UpstreamFailure("failed", code="model_error"),
    model_not_found("a"),
    DENIED,
]
STAYING = [
    WRONG,
    InvalidRequest("conflict", status=409, code="conflict"),
    OVERFLOW,
    UpstreamFailure("credentials", status=500, code="upstream_auth", should_retry=False),
    UpstreamFailure("settings", status=500, code="upstream_config", should_retry=False),
    UpstreamFailure("silent", status=504, code="upstream_timeout", should_retry=False),
    UpstreamFailure("slow", status=504, code="model_timeout", should_retry=False),
    PermissionDenied("guardrail", code="guardrail_forbidden"),
    Internal("a fault of ours"),
]


class World:
    """Targets `a`, `b`, `c`, ... that fail as told; `now` is the clock, which sleeping moves on."""

    def __init__(self, **failures: GatewayError | None) -> None:
        self.now = 1000.0
        self.failures: dict[str, GatewayError | None] = failures
        self.windows: dict[str, int | None] = {}
        self.refuses: dict[str, GatewayError] = {}
        self.called: list[str] = []
        self.slept: list[float] = []
        self.midway = False
        self.breaker = Breaker(lambda: self.now)
        self.stage = Fallback(self, self, self.breaker, sleep=self.sleep, clock=lambda: self.now)  # type: ignore[arg-type]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def made(self, route: tuple[Hop, ...], prompt: Prompt | None = None) -> Plan:
        name = route[0].model
        target = Target(name, name, Traits(context_window=self.windows.get(name)), route[0].region)
        made = replace(plan(), target=target, route=route)
        return replace(made, prompt=prompt) if prompt else made

    async def plan(self, prompt: Prompt, call: Call, *, stream: bool, route: tuple[Hop, ...] = (), **_: Any) -> Plan:
        made = self.made(route, prompt)
        call.receipt.model, call.receipt.target = made.target.shown, made.target
        call.receipt.ignore(f"by-{route[0].model}")
        if route[0].model in self.refuses:
            raise self.refuses[route[0].model]
        return made

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        name = plan.target.model_id
        self.called.append(name)
        call.receipt.repairs[name] += 1
        failure = self.failures.get(name)
        if failure is not None and self.midway:
            yield ANSWER[0]
        if failure is not None:
            raise failure
        for batch in ANSWER:
            yield batch

    async def asks(self, chain: str, of: Call | None = None, **prompt: Any) -> list[Batch]:
        """`abc` is the chain of these targets; a capital letter is marked as larger."""
        of = of or call()
        self.called.clear()
        route = tuple(Hop(name.lower(), larger=name.isupper()) for name in chain)
        first = await self.plan(replace(plan().prompt, **prompt), of, stream=True, route=route)
        return await taken(self.stage, first, of)


async def test_a_plan_without_a_chain_goes_straight_through() -> None:
    world, of = World(m=THROTTLED), call()
    made = plan()
    generator = world.stage.run(made, of)
    assert generator.ag_code is World.run.__code__  # type: ignore[attr-defined]
    world.failures = {"us.m": THROTTLED}
    with pytest.raises(RateLimited):
        await taken(world.stage, made, of)
    assert (world.called, of.receipt.retries) == (["us.m"], 0)
    await generator.aclose()


@pytest.mark.parametrize("problem", MOVING, ids=repr)
async def test_what_moves_on(problem: GatewayError) -> None:
    world, of = World(a=problem), call()
    assert await world.asks("ab", of) == ANSWER
    assert world.called == ["a", "b"]
    assert (of.receipt.retries, of.receipt.model) == (1, "b")
    assert of.receipt.target is not None
    assert of.receipt.target.model_id == "b"


@pytest.mark.parametrize("problem", STAYING, ids=repr)
async def test_what_would_fail_everywhere_or_was_paid_for_stays(problem: GatewayError) -> None:
    world, of = World(a=problem), call()
    with pytest.raises(GatewayError) as caught:
        await world.asks("ab", of)
    assert caught.value is problem
    assert (world.called, of.receipt.retries, of.receipt.model) == (["a"], 0, "a")


async def test_once_something_was_sent_nothing_is_tried_again() -> None:
    world = World(a=THROTTLED)
    world.midway = True
    with pytest.raises(RateLimited):
        await world.asks("ab")
    assert world.called == ["a"]


async def test_the_receipt_is_that_of_the_plan_that_served() -> None:
    world, of = World(a=THROTTLED, b=DENIED), call()
    await world.asks("abc", of)
    assert (list(of.receipt.ignored), dict(of.receipt.repairs)) == (["by-c"], {"c": 1})
    assert of.receipt.retries == 2


async def test_where_all_fail_the_last_failure_is_told_and_the_receipt_is_its_plans() -> None:
    world, of = World(a=THROTTLED, b=BUSY), call()
    world.refuses["c"] = InvalidRequest("no web search")
    with pytest.raises(UpstreamFailure) as caught:
        await world.asks("abc", of)
    assert caught.value is BUSY
    assert world.called == ["a", "b"]
    assert (of.receipt.model, list(of.receipt.ignored), dict(of.receipt.repairs)) == ("b", ["by-b"], {"b": 1})


async def test_a_target_that_cant_have_what_was_asked_is_left_out() -> None:
    world = World(a=THROTTLED)
    world.refuses["b"] = InvalidRequest("no web search")
    await world.asks("abc")
    assert world.called == ["a", "c"]


async def test_no_target_is_called_twice_by_one_request() -> None:
    world = World(a=THROTTLED, b=THROTTLED)
    with pytest.raises(RateLimited):
        await world.asks("aabab")
    assert world.called == ["a", "b"]


async def test_waits_are_short_jittered_and_only_where_they_help() -> None:
    world = World(a=THROTTLED, b=BUSY, c=DENIED, d=model_not_found("d"))
    await world.asks("abcde")
    assert world.called == ["a", "b", "c", "d", "e"]
    assert len(world.slept) == 2
    assert all(0 <= seconds <= LONGEST_WAIT for seconds in world.slept)


async def test_a_deadline_is_honoured() -> None:
    world, of = World(a=THROTTLED), call()
    of.deadline = world.now + SPARE / 2
    with pytest.raises(RateLimited):
        await world.asks("ab", of)
    assert world.called == ["a"]


async def test_a_request_that_has_waited_long_does_not_start_over() -> None:
    world = World(b=THROTTLED)

    async def slowly(plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        world.called.append(plan.target.model_id)
        world.now += PATIENCE + 1
        if world.now:
            raise BUSY
        yield []

    world.run = slowly  # type: ignore[method-assign]
    with pytest.raises(UpstreamFailure):
        await world.asks("abc")
    assert world.called == ["a"]


# A prompt that is too long


@pytest.mark.parametrize(
    ("chain", "windows", "called"),
    [
        ("ab", {"a": 8000, "b": 200_000}, ["a", "b"]),
        ("ab", {"a": 200_000, "b": 8000}, ["a"]),
        ("ab", {"a": 8000, "b": 8000}, ["a"]),
        ("ab", {"b": 200_000}, ["a"]),
        ("aB", {}, ["a", "b"]),
        ("abC", {}, ["a", "c"]),
        ("abc", {"a": 8000, "b": 4000, "c": 16_000}, ["a", "c"]),
    ],
)
async def test_a_prompt_that_is_too_long_goes_to_a_larger_model_only(
    chain: str, windows: dict[str, int], called: list[str]
) -> None:
    world = World(a=OVERFLOW)
    world.windows.update(windows)
    if len(called) == 1:
        with pytest.raises(InvalidRequest):
            await world.asks(chain)
    else:
        assert await world.asks(chain) == ANSWER
    assert world.called == called
    assert world.slept == []
    assert world.breaker.admits(("a", ""))


async def test_after_that_a_busy_larger_one_is_followed_by_another_larger_one() -> None:
    world = World(a=OVERFLOW, b=THROTTLED)
    world.windows.update(a=8000, b=16_000, c=4000, d=16_000)
    await world.asks("abcd")
    assert world.called == ["a", "b", "d"]


# The breaker


async def test_a_target_that_keeps_failing_is_passed_over_until_it_is_tried_again() -> None:
    world = World(a=THROTTLED)
    for _ in range(THRESHOLD):
        await world.asks("ab")
        assert world.called == ["a", "b"]
    await world.asks("ab")
    assert world.called == ["b"]
    world.now += 60
    world.failures.clear()
    await world.asks("ab")
    assert world.called == ["a"]
    await world.asks("ab")
    assert world.called == ["a"]


async def test_where_all_are_known_to_fail_the_first_is_called_all_the_same() -> None:
    world = World()
    for name in "ab":
        for _ in range(THRESHOLD):
            world.breaker.failed((name, ""))
    of = call()
    assert await world.asks("ab", of) == ANSWER
    assert (world.called, of.receipt.model, list(of.receipt.ignored)) == (["a"], "a", ["by-a"])


async def test_the_same_model_in_another_region_is_another_target() -> None:
    world = World(a=THROTTLED)
    for _ in range(THRESHOLD):
        await world.asks("ab")
    west = world.made((Hop("a", "us-west-2"), Hop("b")))
    world.called.clear()
    await taken(world.stage, west, call())
    assert world.called == ["a", "b"]


@pytest.mark.parametrize("own", [{"guardrail": Guardrail("x", "1")}, {"extra_fields": {"x": 1}}])
async def test_a_client_cant_close_a_target_to_others_by_what_it_sends(own: dict[str, Any]) -> None:
    world = World(a=model_not_found("guardrail"))
    for _ in range(5):
        await world.asks("ab", **own)
    await world.asks("ab")
    assert world.called == ["a", "b"]


@given(
    chain=st.text(st.sampled_from("abcde"), min_size=1, max_size=8),
    failing=st.dictionaries(st.sampled_from("abcde"), st.sampled_from([THROTTLED, BUSY, DENIED]), max_size=5),
    closed=st.sets(st.sampled_from("abcde"), max_size=5),
)
def test_a_chain_calls_each_target_once_at_most_and_none_that_is_closed(
    chain: str, failing: dict[str, GatewayError], closed: set[str]
) -> None:
    world = World(**failing)
    for name in closed:
        for _ in range(THRESHOLD):
            world.breaker.failed((name, ""))

    async def asked() -> GatewayError | None:
        try:
            await world.asks(chain)
        except GatewayError as problem:
            return problem
        return None

    problem = run(asked())
    assert len(world.called) == len(set(world.called))
    if set(chain) - closed:
        assert not closed & set(world.called)
        assert (problem is None) == bool(set(chain) - closed - set(failing))
    else:
        assert world.called == [chain[0]]


# Embeddings


class Vectors:
    """Implements Embedder and what chooses for it: targets `a`, `b`, ..., of the model that `bases` says."""

    def __init__(self, bases: dict[str, str] | None = None, **failures: GatewayError | None) -> None:
        self.bases = bases or {}
        self.failures = failures
        self.called: list[str] = []
        self.aliases = {"vectors"}
        self.route: tuple[Hop, ...] = (Hop("a"), Hop("b"), Hop("c"))
        self.stage = FallbackEmbedder(self, self, Breaker(lambda: 0.0), sleep=self.sleep, clock=lambda: 0.0)

    async def sleep(self, seconds: float) -> None:
        assert seconds <= LONGEST_WAIT

    def alias_of(self, name: str, *, embedding: bool = False) -> str:
        return name if embedding else ""

    def concerns(self, name: str, access: Access) -> bool:
        return name in self.aliases or bool(access.models)

    async def choose(
        self, name: str, access: Access, *, route: tuple[Hop, ...] = (), embedding: bool = False
    ) -> tuple[Target, tuple[Hop, ...]]:
        assert embedding
        if name not in self.aliases:
            if name not in access.models:
                raise PermissionDenied("no")
            return Target("chosen", "e", Traits()), ()
        route = route or self.route
        return Target(route[0].model, self.bases.get(route[0].model, "e"), Traits()), route

    async def embed(self, request: EmbeddingRequest, call: Call) -> Embeddings:
        name = request.target.model_id if request.target else f"unchosen {request.model}"
        self.called.append(name)
        call.receipt.ignore(name)
        failure = self.failures.get(name)
        if failure is not None:
            raise failure
        return Embeddings([[1.0]], 1, name)


def texts(model: str = "vectors", **more: Any) -> EmbeddingRequest:
    return EmbeddingRequest(model, (EmbeddingItem("x"),), **more)


async def test_a_name_that_is_no_alias_and_a_key_without_rules_pass_by() -> None:
    world = Vectors()
    await world.stage.embed(texts("plain"), call())
    assert world.called == ["unchosen plain"]


async def test_a_keys_rules_hold_for_embeddings() -> None:
    world = Vectors()
    of = Call("r", Caller("k", access=Access(models=("plain",))), "embeddings")
    await world.stage.embed(texts("plain"), of)
    assert world.called == ["chosen"]
    with pytest.raises(PermissionDenied):
        await world.stage.embed(texts("other"), of)


async def test_embeddings_go_on_to_the_same_model_elsewhere() -> None:
    world, of = Vectors({"b": "another model"}, a=THROTTLED), call()
    assert (await world.stage.embed(texts(), of)).model == "c"
    assert world.called == ["a", "c"]
    assert (of.receipt.route, of.receipt.retries, list(of.receipt.ignored)) == ("vectors", 1, ["c"])


@pytest.mark.parametrize("problem", [WRONG, OVERFLOW, STAYING[5]])
async def test_embeddings_that_would_fail_everywhere(problem: GatewayError) -> None:
    world = Vectors(a=problem)
    with pytest.raises(GatewayError) as caught:
        await world.stage.embed(texts(), call())
    assert caught.value is problem
    assert world.called == ["a"]


async def test_where_no_target_embeds_the_last_failure_is_told() -> None:
    world = Vectors(a=THROTTLED, b=DENIED, c=BUSY)
    with pytest.raises(UpstreamFailure):
        await world.stage.embed(texts(), call())
    assert world.called == ["a", "b", "c"]


async def test_a_model_that_keeps_failing_is_passed_over_for_embeddings_too() -> None:
    world = Vectors(a=THROTTLED)
    for _ in range(THRESHOLD):
        await world.stage.embed(texts(), call())
    world.called.clear()
    await world.stage.embed(texts(), call())
    assert world.called == ["b"]
