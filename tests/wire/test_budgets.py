"""Hard budgets on the wire: several processes, one table, real DynamoDB APIs; and whatever goes wrong, somebody pays."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx
import pytest

from app.core.access import Access, Budget, Rates
from app.core.directory import Spent
from app.core.records import KeyRecord
from app.core.table import Table
from app.core.windows import day_of
from app.stores.directory.store import TableDirectory
from app.stores.ledger import Ledgers
from app.stores.rollups import Rollups
from local.emulator import Emulator
from tests.dynamodb import DynamoDb
from tests.wire.gateway import NOVA, chat, eventually
from tests.wire.raw import connected, read_until, request

T = TypeVar("T")
PROCESSES = 3
REQUESTS = 200
TITAN = "amazon.titan-embed-text-v2:0"
PATIENT = {"TABLE_TIMEOUT": "60"}
"""moto answers one request at a time: on a busy machine the last of a crowd waits longer than DynamoDB may take."""
MAX_TOKENS = 1000
ESTIMATE = 250_000
"""Nano-USD that a request for 1,000 tokens of Nova Lite is expected to cost at most: 240,000 for them, some for the prompt."""


def on_table(database: DynamoDb, work: Callable[[Table], Awaitable[T]]) -> T:
    async def run() -> T:
        table, pool = database.open()
        try:
            return await work(table)
        finally:
            pool.close()
            await asyncio.sleep(0)

    return asyncio.run(run())


def key_with(database: DynamoDb, **limits: Any) -> tuple[KeyRecord, str]:
    return on_table(database, lambda table: TableDirectory(table).create_key(KeyRecord("", "team", **limits)))


def spent(database: DynamoDb, key: KeyRecord, **options: Any) -> Spent:
    return on_table(database, lambda table: Ledgers(table, **options).spent("key", key.id, "month"))


def rolled_up(database: DynamoDb, key: KeyRecord) -> tuple[int, int]:
    """Requests and nano-USD, by the rollups."""

    async def read(table: Table) -> tuple[int, int]:
        days = (day_of(time.time() - 86400), day_of(time.time()))
        rows = [row async for row in Rollups(table).rows(*days) if row.dimensions.key == key.id]
        return sum(row.total.requests for row in rows), sum(row.total.cost for row in rows)

    return on_table(database, read)


class Process:
    """A gateway in a process of its own."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(emulator: Emulator, database: DynamoDb, count: int = 1, **environ: str) -> Iterator[list[Process]]:
    env: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_"))
    } | {
        **database.environ(),
        "AWS_ENDPOINT_URL_BEDROCK": emulator.url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": emulator.url,
        "API_KEY": "sk-other",
        "PORT": "0",
        **environ,
    }
    started: list[Process] = []
    try:
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.wire.served"], env=env, stdout=subprocess.PIPE, text=True
            )
            started.append(Process(0, process))
        for each in started:
            assert each.process.stdout is not None
            port = int(each.process.stdout.readline())
            each.port, each.url = port, f"http://127.0.0.1:{port}"
        yield started
    finally:
        for each in started:
            if each.process.poll() is None:
                each.process.terminate()
            each.process.wait(20)
            assert each.process.stdout is not None
            each.process.stdout.close()


def ask(process: Process, key: str, **more: Any) -> httpx.Response:
    body = chat("Hello", **({"max_tokens": MAX_TOKENS} | more))
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{process.url}/v1/chat/completions", json=body, headers=headers, timeout=60)


@asynccontextmanager
async def clients(processes: list[Process], key: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    limits = httpx.Limits(max_connections=REQUESTS)
    headers = {"authorization": f"Bearer {key}"}
    opened = [
        httpx.AsyncClient(base_url=process.url, headers=headers, timeout=120, limits=limits) for process in processes
    ]
    try:
        yield opened
    finally:
        await asyncio.gather(*(client.aclose() for client in opened))


def test_two_hundred_requests_at_once_in_several_processes_do_not_pass_the_limit(
    emulator: Emulator, dynamodb: DynamoDb
) -> None:
    """Room for 20 at a time by their estimates; as they settle far below, more may follow, and the sum is what counts."""
    limit = 20 * ESTIMATE
    key, secret = key_with(dynamodb, budget=Budget(limit))

    async def storm(processes: list[Process]) -> list[httpx.Response]:
        async with clients(processes, secret) as opened:
            return await asyncio.gather(
                *(
                    opened[number % PROCESSES].post(
                        "/v1/chat/completions",
                        json=chat("x" * 2000, max_tokens=MAX_TOKENS, stream=number % 2 == 0),
                    )
                    for number in range(REQUESTS)
                )
            )

    with running(emulator, dynamodb, PROCESSES, **PATIENT) as processes:
        answers = asyncio.run(storm(processes))
    statuses = [answer.status_code for answer in answers]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 20
    assert refused, "two hundred at once can't all fit"
    for answer in refused:
        assert answer.json()["error"]["code"] == answer.json()["error"]["type"] == "insufficient_quota"
        assert answer.headers["x-should-retry"] == "false"
    ledger = spent(dynamodb, key)
    assert ledger.reserved == 0
    assert 0 < ledger.spent <= limit
    # The rollups of all processes say the same, to the nano-dollar.
    assert rolled_up(dynamodb, key)[1] == ledger.spent


def test_a_limit_is_spent_to_its_end_and_no_further(emulator: Emulator, dynamodb: DynamoDb) -> None:
    """Crowd after crowd, of answers as long as was asked, until nobody gets in: what is left is less than one estimate."""
    limit = 20 * ESTIMATE
    key, secret = key_with(dynamodb, budget=Budget(limit))
    body = chat("long " * 900, max_tokens=MAX_TOKENS)

    async def crowds(processes: list[Process]) -> None:
        async with clients(processes, secret) as opened:
            for _ in range(20):
                answers = await asyncio.gather(
                    *(opened[number % PROCESSES].post("/v1/chat/completions", json=body) for number in range(30))
                )
                statuses = {answer.status_code for answer in answers}
                assert statuses <= {200, 429}
                if statuses == {429}:
                    return
        pytest.fail("the limit is never reached")

    with running(emulator, dynamodb, PROCESSES, **PATIENT) as processes:
        asyncio.run(crowds(processes))
    ledger = spent(dynamodb, key)
    assert ledger.reserved == 0
    assert limit - 2 * ESTIMATE < ledger.spent <= limit
    assert rolled_up(dynamodb, key)[1] == ledger.spent


def test_a_killed_process_has_spent_what_it_had_reserved(emulator: Emulator, dynamodb: DynamoDb) -> None:
    key, secret = key_with(dynamodb, budget=Budget(10 * ESTIMATE))
    with running(emulator, dynamodb, 2, RESERVATION_SECONDS="5") as (doomed, other):
        with connected(doomed) as connection:
            body = httpx.Request("POST", "http://x", json=chat("Hi [[emulate: hang]]", max_tokens=MAX_TOKENS)).content
            connection.sendall(request(body, headers=(f"x-api-key: {secret}",)))
            eventually(lambda: len(emulator.requests) >= 1, "Bedrock has been asked")
            held = spent(dynamodb, key)
            doomed.kill()
        assert held.spent == 0
        assert held.reserved > ESTIMATE // 2
        eventually(lambda: spent(dynamodb, key).spent == held.reserved, "the reservation has expired", 15)
        # The next request sweeps it, so that it is on the books, too.
        assert ask(other, secret).status_code == 200
    after = spent(dynamodb, key)
    assert after.reserved == 0
    assert after.spent > held.reserved
    assert rolled_up(dynamodb, key)[1] == after.spent


@pytest.mark.parametrize("disconnect", ["drain", "cancel"])
def test_who_leaves_in_the_middle_pays_for_what_was_said(
    emulator: Emulator, dynamodb: DynamoDb, disconnect: str
) -> None:
    key, secret = key_with(dynamodb, budget=Budget(10 * ESTIMATE))
    with running(emulator, dynamodb, ON_DISCONNECT=disconnect) as (gateway,):
        with connected(gateway) as connection:
            content = chat("[[emulate: delay=0.05 tokens=60]]", max_tokens=MAX_TOKENS, stream=True)
            body = httpx.Request("POST", "http://x", json=content).content
            connection.sendall(request(body, headers=(f"x-api-key: {secret}",)))
            read_until(connection, b'content":"')
        eventually(lambda: spent(dynamodb, key).reserved == 0, "the request is settled", 20)
        after = spent(dynamodb, key)
    assert 0 < after.spent < ESTIMATE
    assert rolled_up(dynamodb, key)[1] == after.spent


@pytest.mark.parametrize("marker", ["throttle", "error=ValidationException", "error=InternalServerException"])
def test_what_bedrock_refuses_costs_nothing(emulator: Emulator, dynamodb: DynamoDb, marker: str) -> None:
    key, secret = key_with(dynamodb, budget=Budget(10 * ESTIMATE))
    with running(emulator, dynamodb) as (gateway,):
        response = httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json=chat(f"Hi [[emulate: {marker}]]"),
            headers={"authorization": f"Bearer {secret}"},
            timeout=30,
        )
        assert response.status_code >= 400
        after = spent(dynamodb, key)
    assert (after.spent, after.reserved) == (0, 0)


@pytest.mark.parametrize("field", ["extra_body", "additional_model_request_fields"])
def test_a_limit_among_the_model_fields_does_not_bypass_a_hard_budget(
    emulator: Emulator, dynamodb: DynamoDb, field: str
) -> None:
    key, secret = key_with(dynamodb, budget=Budget(10 * ESTIMATE))
    with running(emulator, dynamodb) as (gateway,):
        answer = ask(
            gateway, secret, max_tokens=1, **{field: {"max_tokens": 64_000, "inferenceConfig": {"maxTokens": 64_000}}}
        )
    assert answer.status_code == 200
    sent = emulator.requests[-1].body
    assert sent["inferenceConfig"]["maxTokens"] == 1
    assert "additionalModelRequestFields" not in sent
    assert answer.headers["x-gateway-max-tokens"] == "1"
    assert answer.headers["x-gateway-ignored"] == (
        "additional_model_request_fields.max_tokens,additional_model_request_fields.maxTokens"
    )
    assert spent(dynamodb, key).spent < ESTIMATE


@pytest.mark.parametrize("stream", [False, True])
def test_a_hard_budget_without_a_clients_limit_cuts_the_answer_where_its_money_ends(
    emulator: Emulator, dynamodb: DynamoDb, stream: bool
) -> None:
    """A quarter of 2.0 million nano-USD pays for 2,083 tokens at 240 each."""
    key, secret = key_with(dynamodb, budget=Budget(2_000_000))
    _, free = key_with(dynamodb, budget=Budget(2_000_000, hard=False))
    with running(emulator, dynamodb) as (gateway,):
        cut, whole = (ask(gateway, each, max_tokens=None, stream=stream) for each in (secret, free))
        long = ask(gateway, secret, max_tokens=None, messages=[{"role": "user", "content": "[[emulate: tokens=3000]]"}])
        with_limit = ask(gateway, secret, max_tokens=16)
    assert cut.status_code == whole.status_code == 200
    assert cut.headers["x-gateway-max-tokens"] == "2083"
    assert "x-gateway-max-tokens" not in whole.headers
    limits = [(sent.body.get("inferenceConfig") or {}).get("maxTokens") for sent in emulator.requests]
    assert limits[:2] == [2083, None]
    assert limits[2] == int(long.headers["x-gateway-max-tokens"]) < 2083
    assert long.json()["choices"][0]["finish_reason"] == "length"
    assert (with_limit.status_code, with_limit.headers["x-gateway-max-tokens"]) == (200, "16")
    assert spent(dynamodb, key).spent <= 2_000_000


def test_fewer_than_1024_tokens_left_in_a_budget_are_a_429(emulator: Emulator, dynamodb: DynamoDb) -> None:
    _, secret = key_with(dynamodb, budget=Budget(100_000))
    with running(emulator, dynamodb) as (gateway,):
        refused, served = ask(gateway, secret, max_tokens=None), ask(gateway, secret, max_tokens=16)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert served.status_code == 200


def test_a_setting_sends_only_limits_of_clients(emulator: Emulator, dynamodb: DynamoDb) -> None:
    _, secret = key_with(dynamodb, budget=Budget(10 * ESTIMATE))
    with running(emulator, dynamodb, BUDGET_LIMITS_OUTPUT="false") as (gateway,):
        answer = ask(gateway, secret, max_tokens=None)
    assert answer.status_code == 200
    assert "x-gateway-max-tokens" not in answer.headers
    assert "inferenceConfig" not in emulator.requests[-1].body


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_whose_usage_was_lost_is_not_free(emulator: Emulator, dynamodb: DynamoDb, stream: bool) -> None:
    key, secret = key_with(dynamodb, budget=Budget(10 * ESTIMATE))
    content = [{"role": "user", "content": "[[emulate: no-usage]] [[emulate: tokens=200]]"}]
    with running(emulator, dynamodb) as (gateway,):
        assert ask(gateway, secret, messages=content, stream=stream).status_code == 200
        after = spent(dynamodb, key)
    assert after.reserved == 0
    assert 240 * 100 < after.spent < ESTIMATE
    assert rolled_up(dynamodb, key)[1] == after.spent


def within_one_minute(work: Callable[[], T]) -> T:
    """The result of `work`, which is done again if the clock's minute ended meanwhile."""
    for _ in range(3):
        minute = time.time() // 60
        result = work()
        if time.time() // 60 == minute:
            return result
    raise AssertionError("the work takes longer than a minute")


def test_requests_per_minute_hold_across_processes(emulator: Emulator, dynamodb: DynamoDb) -> None:
    with running(emulator, dynamodb, 2) as processes:

        def eight_requests() -> list[httpx.Response]:
            _, secret = key_with(dynamodb, rates=Rates(rpm=5))
            return [ask(processes[number % 2], secret) for number in range(8)]

        answers = within_one_minute(eight_requests)
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == list("43210000")
    refused = answers[-1]
    assert refused.json()["error"] | {"message": "", "request_id": ""} == {
        "message": "",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
        "request_id": "",
    }
    assert 1 <= int(refused.headers["retry-after"]) <= 60


LEFT = tuple(f"x-ratelimit-{what}-{of}" for of in ("requests", "tokens") for what in ("limit", "remaining", "reset"))


def test_every_answer_to_a_limited_key_says_what_is_left(emulator: Emulator, dynamodb: DynamoDb) -> None:
    """Also those that ask no model, those that fail, and the very first one that a process gives."""
    _, secret = key_with(dynamodb, rates=Rates(rpm=100, tpm=100_000), access=Access(models=(NOVA, TITAN)))
    asked: tuple[tuple[int, str, dict[str, Any] | None], ...] = (
        (200, "models", None),
        (200, f"models/{NOVA}", None),
        (404, "models/nothing", None),
        (200, "chat/completions", chat("Hi")),
        (200, "chat/completions", chat("Hi", stream=True)),
        (200, "completions", {"model": NOVA, "prompt": "Hi"}),
        (200, "embeddings", {"model": TITAN, "input": "Hi"}),
        (400, "chat/completions", {"model": NOVA}),
        (403, "chat/completions", chat("Hi", model="zai.glm-5")),
        (429, "chat/completions", chat("Hi [[emulate: throttle]]")),
        (429, "chat/completions", chat("Hi", max_tokens=200_000)),
    )
    headers = {"authorization": f"Bearer {secret}"}
    with running(emulator, dynamodb) as (gateway,), httpx.Client(base_url=f"{gateway.url}/v1/") as client:
        for status, path, body in asked:
            answer = client.request("POST" if body else "GET", path, json=body, headers=headers, timeout=30)
            assert answer.status_code == status, (path, answer.text)
            assert [name for name in LEFT if name not in answer.headers] == [], path
            assert answer.headers["x-ratelimit-limit-requests"] == "100"


def test_zero_blocks(emulator: Emulator, dynamodb: DynamoDb) -> None:
    _, no_money = key_with(dynamodb, budget=Budget(0))
    _, no_requests = key_with(dynamodb, rates=Rates(rpm=0))
    with running(emulator, dynamodb) as (gateway,):
        poor, slow = ask(gateway, no_money), ask(gateway, no_requests)
    assert (poor.status_code, poor.json()["error"]["code"]) == (429, "insufficient_quota")
    assert (slow.status_code, slow.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert slow.headers["x-should-retry"] == "false"
    assert len(emulator.requests) == 0


def test_without_its_table_a_limited_key_waits_and_another_is_served(emulator: Emulator, dynamodb: DynamoDb) -> None:
    """The table goes away while both keys are known."""
    _, limited = key_with(dynamodb, budget=Budget(100 * ESTIMATE))
    _, free = key_with(dynamodb, access=Access(models=(NOVA,)))
    with running(emulator, dynamodb) as (gateway,):
        assert [ask(gateway, key).status_code for key in (limited, free)] == [200, 200]
        dynamodb.client().delete_table(TableName=dynamodb.table)
        refused, served, unknown = ask(gateway, limited), ask(gateway, free), ask(gateway, "sk-gw-" + "a" * 60)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "table_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert served.status_code == 200
    assert unknown.status_code == 401
