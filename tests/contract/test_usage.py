"""Usage and costs through the official SDK's admin client."""

from __future__ import annotations

import asyncio
import csv
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import uvicorn
from openai import OpenAI
from openai.types.admin.organization import usage_completions_response, usage_costs_response

from app.api.usage.route import operations
from app.core.events import Usage
from app.core.money import Cost
from app.core.ports import Caller
from app.stores.recorder import Recorder
from app.stores.rollups import Rollups
from app.stores.table.memory import MemoryTable
from app.web.admin import AdminDoor
from app.web.context import Context, Net
from app.web.protocol import HttpProtocol
from app.web.router import Router
from local.emulator import Emulator
from local.report.__main__ import main as report
from tests.contract.conftest import RECORDER
from tests.usage_records import NOON, record
from tests.wire import gateway as wire

ADMIN, ORDINARY = "sk-admin-contract", "sk-contract"
DAY = 86400
MIDNIGHT = int(NOON) // DAY * DAY
KINDS = (
    "completions", "decisions", "embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions",
    "vector_stores", "code_interpreter_sessions", "file_search_calls", "web_search_calls", "costs",
)  # fmt: skip


class One:
    """Implements Keys: one key."""

    def __init__(self, key: str, id: str) -> None:
        self._key, self._id = key, id

    async def authenticate(self, presented: str) -> Caller | None:
        return Caller(self._id) if presented == self._key else None


def clock() -> float:
    return NOON + DAY


def application() -> Any:
    table = MemoryTable(clock)
    recorder = Recorder(table, clock=clock)
    for each in (
        record("a", key="key_a", user="ann", usage=Usage(100, 20, 3, 4), cost=Cost(10**9, 5 * 10**8), tier="flex"),
        record("b", key="key_b", project="proj_2", usage=Usage(7, 1), traffic="batch", ended=NOON + DAY),
        record("c", endpoint="embeddings", usage=Usage(50), model="embed", cost=Cost(input=1)),
    ):
        recorder.record(each)

    async def flush() -> None:
        assert await recorder.flush(5)

    door = AdminDoor(One(ADMIN, "adm_1"), One(ORDINARY, "key_1"))
    routes = operations(Rollups(table, clock), flush, door, clock=clock)
    router = Router((each.method, f"/v1{each.path}", each.endpoint) for each in routes)
    return Context(Net(router, 1_000_000))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    config = uvicorn.Config(application(), http=HttpProtocol, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            wire.eventually(lambda: server.started, "the server runs")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=url, api_key="none", admin_api_key=ADMIN, max_retries=0, timeout=20) as client:
        yield client


def test_completions_by_key_and_model(client: OpenAI) -> None:
    page = client.admin.organization.usage.completions(
        start_time=MIDNIGHT, group_by=["api_key_id", "model", "user_id", "service_tier", "batch", "project_id"]
    )
    assert isinstance(page, usage_completions_response.UsageCompletionsResponse)
    assert (page.object, page.has_more, page.next_page) == ("page", False, None)
    first, second = page.data
    (result,) = first.results
    assert isinstance(result, usage_completions_response.DataResultOrganizationUsageCompletionsResult)
    assert (result.api_key_id, result.user_id, result.service_tier) == ("key_a", "ann", "flex")
    assert (result.model, result.batch, result.project_id) == ("acme.rocket-v1:0", False, "proj_1")
    assert (result.input_tokens, result.output_tokens, result.num_model_requests) == (107, 20, 1)
    assert (result.input_cached_tokens, result.input_cache_write_tokens) == (3, 4)
    (result,) = second.results
    assert isinstance(result, usage_completions_response.DataResultOrganizationUsageCompletionsResult)
    assert (result.batch, result.user_id) == (True, None)


def test_filters_arrive(client: OpenAI) -> None:
    def requests(**filters: Any) -> int:
        page = client.admin.organization.usage.completions(start_time=MIDNIGHT, bucket_width="1h", limit=48, **filters)
        return sum(getattr(result, "num_model_requests", 0) for bucket in page.data for result in bucket.results)

    assert requests() == 2
    assert requests(api_key_ids=["key_a", "key_b"]) == 2
    assert requests(api_key_ids=["key_b"]) == 1
    assert requests(project_ids=["proj_1"], models=["acme.rocket-v1:0"], user_ids=["ann"]) == 1
    assert requests(batch=True) == 1
    assert requests(batch=False, project_ids=["proj_2"]) == 0


def test_costs_by_line_item(client: OpenAI) -> None:
    page = client.admin.organization.usage.costs(start_time=MIDNIGHT, group_by=["line_item", "project_id"])
    found = [
        (result.line_item, result.amount.value, result.amount.currency, result.quantity, result.quantity_unit)
        for bucket in page.data
        for result in bucket.results
        if isinstance(result, usage_costs_response.DataResultOrganizationCostsResult) and result.amount
    ]
    assert ("acme.rocket-v1:0, input", 1.0, "usd", 100.0, "tokens") in found
    assert ("acme.rocket-v1:0, output", 0.5, "usd", 20.0, "tokens") in found
    assert ("embed, input", 1e-9, "usd", 50.0, "tokens") in found
    only = client.admin.organization.usage.costs(start_time=MIDNIGHT, line_items=["acme.rocket-v1:0, input"])
    (result,) = only.data[0].results
    assert isinstance(result, usage_costs_response.DataResultOrganizationCostsResult)
    assert result.amount
    assert result.amount.value == 1.0


def test_pages_are_walked(client: OpenAI) -> None:
    starts: list[int] = []
    page = client.admin.organization.usage.embeddings(start_time=MIDNIGHT - 9 * DAY, limit=3)
    while True:
        starts += [bucket.start_time for bucket in page.data]
        if not page.next_page:
            break
        page = client.admin.organization.usage.embeddings(start_time=MIDNIGHT - 9 * DAY, limit=3, page=page.next_page)
    assert starts == [MIDNIGHT + number * DAY for number in range(-9, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_route_of_the_sdk_is_served(client: OpenAI, kind: str) -> None:
    page = getattr(client.admin.organization.usage, kind)(start_time=MIDNIGHT - 3 * DAY, end_time=MIDNIGHT, limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert all(bucket.object == "bucket" and bucket.results == [] for bucket in page.data)


def test_what_is_wrong_is_an_exception_of_the_sdk(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.admin.organization.usage.completions(start_time=0, bucket_width="1m")
    assert (caught.value.param, caught.value.code) == ("bucket_width", "unsupported_value")
    with pytest.raises(openai.BadRequestError) as caught:
        client.admin.organization.usage.costs(start_time=0, limit=181)
    assert caught.value.param == "limit"


def test_an_ordinary_key_sees_nothing(url: str) -> None:
    for key, kind in ((ORDINARY, openai.PermissionDeniedError), ("sk-nobody", openai.AuthenticationError)):
        with (
            OpenAI(base_url=url, api_key="none", admin_api_key=key, max_retries=0) as client,
            pytest.raises(kind),
        ):
            client.admin.organization.usage.completions(start_time=0)


def test_what_a_gateway_served_is_in_its_usage_its_costs_and_its_report(
    running_emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    table = MemoryTable()
    today = int(time.time()) // DAY * DAY
    with (
        wire.serving(running_emulator.url, wrap=RECORDER.wrap, table=table, admin_key=ADMIN) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key=wire.KEY, admin_api_key=ADMIN, max_retries=0) as client,
    ):
        said: list[Any] = [{"role": "user", "content": "Hello"}]
        whole = client.chat.completions.create(model=wire.NOVA, messages=said, metadata={"team": "search"})
        for _ in client.chat.completions.create(model=wire.NOVA, messages=said, stream=True):
            pass
        client.embeddings.create(model=wire.TITAN, input="Hello")
        usage = client.admin.organization.usage
        with pytest.raises(openai.APIStatusError):
            client.chat.completions.create(model="acme.no-such-model", messages=[])
        page = usage.completions(start_time=today, group_by=["model", "api_key_id"])
        chats = [result for bucket in page.data for result in bucket.results]  # two, where midnight has just passed
        costs = usage.costs(start_time=today, group_by=["project_id"])
        paid = [result for bucket in costs.data for result in bucket.results]
        (embedded,) = [each for bucket in usage.embeddings(start_time=today).data for each in bucket.results]
    counts = [0, 0, 0]
    for chat in chats:
        assert isinstance(chat, usage_completions_response.DataResultOrganizationUsageCompletionsResult)
        assert chat.model == wire.NOVA
        for place, count in enumerate((chat.num_model_requests, chat.input_tokens, chat.output_tokens)):
            counts[place] += count
    assert whole.usage
    assert counts == [2, 2 * whole.usage.prompt_tokens, 2 * whole.usage.completion_tokens]
    assert getattr(embedded, "num_model_requests", 0) == 1
    spent = 0.0
    for cost in paid:
        assert isinstance(cost, usage_costs_response.DataResultOrganizationCostsResult)
        assert cost.project_id == "proj_default"
        assert cost.amount
        assert cost.amount.value
        assert cost.amount.value > 0
        spent += cost.amount.value
    assert spent > 0
    assert report(["--days", "2", "--csv"], {}, lambda local: table) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert sum(float(row["cost_usd"]) for row in rows) == pytest.approx(spent)
    assert [row["requests"] for row in rows if row["tag"] == "team=search"] == ["1"]
