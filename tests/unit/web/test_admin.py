"""Who comes in by the admin door, how often, and what is written down."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.directory import Audit
from app.core.ports import Caller
from app.core.table import TableUnavailable
from app.errors import (
    GatewayError,
    InvalidRequest,
    PermissionDenied,
    RateLimited,
    TooLarge,
    Unauthenticated,
    UpstreamFailure,
)
from app.web.admin import BODY_LIMIT, FAILURES_PER_MINUTE, REQUESTS_PER_MINUTE, AdminDoor, Pace
from app.web.asgi import Request
from tests.unit.web.asgi import Wire, scope


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_273_200.0

    def __call__(self) -> float:
        return self.now


class Table:
    """Implements Keys. `keys`: key -> id, or the error that it is met with. `asked` counts look-ups."""

    def __init__(self, **keys: str | GatewayError) -> None:
        self._keys = keys
        self.asked = 0

    async def authenticate(self, presented: str) -> Caller | None:
        self.asked += 1
        found = self._keys.get(presented)
        if isinstance(found, GatewayError):
            raise found
        return Caller(found) if found else None


def request(*keys: str, source: str = "192.0.2.1", body: bytes = b"") -> Request:
    names = (b"authorization", b"x-api-key", b"api-key")
    values = (b"Bearer " + keys[0].encode(), *(key.encode() for key in keys[1:])) if keys else ()
    asked = scope("/v1/organization/projects", "GET", zip(names, values, strict=False))
    asked["client"] = (source, 5) if source else None
    return Request(asked, Wire({"type": "http.request", "body": body}).receive)


def door(admins: Table | None = None, clock: Clock | None = None, *, write: Any = None) -> AdminDoor:
    ordinary = Table(ordinary="key_1", broken=UpstreamFailure("later", status=503))
    return AdminDoor(admins or Table(root="adm_1"), ordinary, write=write, clock=clock or Clock())


async def refusal(door: AdminDoor, asked: Request) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await door.enter(asked)
    return raised.value


async def test_an_admin_key_opens() -> None:
    assert (await door().enter(request("root"))).key_id == "adm_1"
    assert (await door().enter(request("dummy", "root"))).key_id == "adm_1"


async def test_an_ordinary_key_is_told_so_and_nobody_else_is() -> None:
    refused = await refusal(door(), request("ordinary"))
    assert isinstance(refused, PermissionDenied)
    assert (refused.status, refused.code) == (403, "admin_key_required")
    for asked in (request(), request("nobody"), request("broken"), request("ROOT")):
        refused = await refusal(door(), asked)
        assert isinstance(refused, Unauthenticated)
        assert "nobody" not in refused.message


async def test_an_expired_admin_key_hears_that() -> None:
    expired = Unauthenticated("expired", code="key_expired")
    refused = await refusal(door(Table(old=expired)), request("old"))
    assert refused is expired
    assert (await door(Table(old=expired, root="adm_1")).enter(request("old", "root"))).key_id == "adm_1"


async def test_admin_keys_that_can_not_be_had_are_not_the_callers_fault() -> None:
    away = UpstreamFailure("later", status=503)
    assert await refusal(door(Table(root=away)), request("root")) is away


async def test_an_admin_is_held_back_after_so_many_requests_a_minute() -> None:
    clock = Clock()
    asked = door(Table(root="adm_1", other="adm_2"), clock)
    for _ in range(REQUESTS_PER_MINUTE):
        await asked.enter(request("root"))
    refused = await refusal(asked, request("root"))
    assert isinstance(refused, RateLimited)
    assert refused.retry_after == 60
    assert (await asked.enter(request("other"))).key_id == "adm_2"
    clock.now += 60
    assert (await asked.enter(request("root"))).key_id == "adm_1"


async def test_whoever_tries_keys_is_held_back_without_a_look_into_the_table() -> None:
    clock, admins = Clock(), Table(root="adm_1", late="adm_2")
    asked = door(admins, clock)
    await asked.enter(request("root"))
    for _ in range(FAILURES_PER_MINUTE):
        assert isinstance(await refusal(asked, request("guess")), Unauthenticated)
    looked = admins.asked
    for key in ("guess", "late", "ordinary"):
        assert isinstance(await refusal(asked, request(key)), RateLimited)
    assert admins.asked == looked
    assert (await asked.enter(request("root"))).key_id == "adm_1", "who was let in before is not shut out by others"
    assert (await asked.enter(request("late", source="198.51.100.7"))).key_id == "adm_2"
    clock.now += 60
    assert (await asked.enter(request("late"))).key_id == "adm_2"


async def test_a_key_that_was_an_admins_is_a_guess_like_any_other() -> None:
    keys: dict[str, str | GatewayError] = {"root": "adm_1"}
    admins = Table()
    admins._keys = keys
    asked = door(admins)
    await asked.enter(request("root"))
    keys.clear()
    for _ in range(FAILURES_PER_MINUTE):
        await refusal(asked, request("root"))
    assert isinstance(await refusal(asked, request("root")), RateLimited)


async def test_addresses_that_are_not_known_share_a_pace() -> None:
    asked = door()
    for _ in range(FAILURES_PER_MINUTE):
        await refusal(asked, request("guess", source=""))
    assert isinstance(await refusal(asked, request("guess", source="")), RateLimited)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=60))
def test_no_name_passes_more_often_than_it_may(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    pace, passed = Pace(3, clock), dict[tuple[str, float], int]()
    for name, seconds in steps:
        clock.now += seconds
        if not pace.take(name):
            minute = (name, clock.now // 60)
            passed[minute] = passed.get(minute, 0) + 1
    assert max(passed.values(), default=0) <= 3


def test_names_beyond_count_are_forgotten() -> None:
    pace = Pace(1, Clock(), names=10)
    for number in range(1000):
        pace.take(str(number))
    assert [number for number in range(1000) if pace.wait(str(number))] == list(range(990, 1000))


async def test_a_body_is_json_and_not_too_long() -> None:
    asked = door()
    assert await asked.body(request(body=b'{"a": 1}')) == {"a": 1}
    assert await asked.body(request(body=b" "), optional=True) == {}
    with pytest.raises(InvalidRequest):
        await asked.body(request(body=b""))
    with pytest.raises(InvalidRequest):
        await asked.body(request(body=b"{"), optional=True)
    with pytest.raises(TooLarge):
        await asked.body(request(body=b" " * (BODY_LIMIT + 1)))


async def test_a_compressed_body_is_inflated_within_the_limit() -> None:
    def compressed(data: bytes) -> Request:
        asked = request(body=gzip.compress(data))
        asked.scope["headers"] = [(b"content-encoding", b"gzip")]
        return asked

    assert await door().body(compressed(b'{"a": 1}')) == {"a": 1}
    with pytest.raises(TooLarge):
        await door().body(compressed(b" " * (BODY_LIMIT + 1)))


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(each.getMessage()) for each in caplog.records if each.name == "gateway.audit"]


async def test_a_change_is_written_down_twice(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Audit] = []

    async def write(entry: Audit) -> None:
        kept.append(entry)

    caplog.set_level("INFO", "gateway.audit")
    await door(write=write).note(request("root"), Caller("adm_1"), "api_key.created", "key_9", {"project": "proj_1"})
    assert kept == [Audit(1_795_273_200.0, "adm_1", "api_key.created", "key_9", "req_1", {"project": "proj_1"})]
    assert told(caplog) == [
        {
            "event": "audit",
            "timestamp": "2026-11-21T15:00:00.000Z",
            "action": "api_key.created",
            "actor": "adm_1",
            "target": "key_9",
            "request_id": "req_1",
            "source": "192.0.2.1",
            "detail": {"project": "proj_1"},
        }
    ]


async def test_a_change_is_told_where_the_table_does_not_take_it(caplog: pytest.LogCaptureFixture) -> None:
    async def write(entry: Audit) -> None:
        raise TableUnavailable("throttled")

    caplog.set_level("INFO", "gateway.audit")
    await door(write=write).note(request("root"), Caller("adm_1"), "api_key.created", "key_9")
    assert len(told(caplog)) == 1
    assert "could not be kept: table_unavailable" in caplog.text


async def test_an_ordinary_key_that_tries_is_in_the_log_and_no_key_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await refusal(door(), request("ordinary"))
    await refusal(door(), request("sk-guess"))
    (line,) = told(caplog)
    assert (line["action"], line["actor"]) == ("login.failed", "key_1")
    assert "ordinary" not in caplog.text
    assert "sk-guess" not in caplog.text
