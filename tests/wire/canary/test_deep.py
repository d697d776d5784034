"""The deep probe as a whole: over the real gateway and the emulator, and its order, cap, deadline and results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.canary import aws, deep, handler
from app.canary.checks import CHAT, EMBEDDING, ROOM
from app.canary.deep import CHECK_SECONDS, MARGIN_SECONDS, in_turn
from app.canary.errors import CanaryFailed, Misconfigured, Unavailable
from app.canary.matrix import Matrix
from app.canary.prices import MICROCENTS, price_of
from app.core.books import UsageRecord
from local.emulator import Emulator
from tests.unit.canary.conftest import TABLE, Log
from tests.unit.canary.fake import Asked, FakeGateway, Reply, said
from tests.wire.gateway import KEY, NOVA, TITAN, Gateway, eventually, serving

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
MICRO = "amazon.nova-micro-v1:0"
OK, SKIPPED = "ok", "skipped"

EXPECTED = {
    HAIKU: dict.fromkeys((check.name for check in CHAT), OK),
    NOVA_2: dict.fromkeys((check.name for check in CHAT), OK),
    MICRO: dict.fromkeys((check.name for check in CHAT), OK) | {"thinking": SKIPPED, "image": SKIPPED},
    TITAN: {"embeddings": OK},
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(token_delay=0.02) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(emulator: Emulator) -> Iterator[Gateway]:
    with serving(emulator.url) as running:
        yield running


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, table: Any) -> pytest.MonkeyPatch:
    """Everything but GATEWAY_URL."""
    for name, value in {
        "TABLE_NAME": TABLE,
        "DEEP_PROBE_MODELS": NOVA,
        "DEEP_PROBE_CENTS_PER_DAY": "100",
        "API_KEY": KEY,
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def run(url: str, *, seconds: float = 290) -> dict[str, Any]:
    """One invocation with so many seconds left."""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: int(seconds * 1000))
    aws_free = url.rstrip("/") + "/"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_URL", aws_free)
        return handler.handler({"probe": "deep"}, context)


def matrix(table: Any) -> dict[str, dict[str, str]]:
    kept = Matrix(table, TABLE).read()
    return {model: {name: check["status"] for name, check in checks.items()} for model, checks in kept.items()}


def spent(table: Any) -> int:
    items = table.query(
        TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "probe"}}
    )["Items"]
    return sum(int(item["microcents"]["N"]) for item in items)


def test_every_check_passes_against_the_real_gateway(
    environ: pytest.MonkeyPatch, table: Any, gateway: Gateway, logged: Log
) -> None:
    environ.setenv("DEEP_PROBE_MODELS", ",".join([HAIKU, NOVA_2, MICRO, f"embed:{TITAN}"]))
    gateway.meter.records.clear()
    done = run(gateway.url)
    details = json.dumps(Matrix(table, TABLE).read(), indent=1)
    assert matrix(table) == EXPECTED, details
    assert (done["ok"], done["skipped"], done["failed"], done["stopped"]) == (20, 2, 0, "")
    assert spent(table) == round(done["cents"] * MICROCENTS)
    assert spent(table) > 0
    eventually(
        lambda: sum(real_cost(record) for record in gateway.meter.records) == spent(table), "what the gateway recorded"
    )
    assert len([line for line in logged.lines if line["message"] == "check"]) == 22
    assert KEY not in logged.text


def real_cost(record: UsageRecord) -> int:
    """What the gateway itself recorded, in microcents."""
    used = record.usage
    details = {"cached_tokens": used.cache_read, "cache_write_tokens": used.cache_write}
    usage = {"prompt_tokens": used.prompt, "completion_tokens": used.output, "prompt_tokens_details": details}
    return price_of(record.call.receipt.model).of(usage) or 0


def test_results_are_kept_as_the_status_route_reads_them(
    environ: pytest.MonkeyPatch, table: Any, gateway: Gateway, logged: Log
) -> None:
    environ.setenv("DEEP_PROBE_MODELS", TITAN)
    run(gateway.url)
    item = table.get_item(TableName=TABLE, Key={"pk": {"S": "status"}, "sk": {"S": TITAN}})["Item"]
    body = json.loads(item["body"]["S"])
    check = body["checks"]["embeddings"]
    assert (body["model"], check["status"], check["detail"]) == (TITAN, "ok", "1024 dimensions")
    assert check.keys() == {"status", "ms", "detail", "at"}
    assert abs(check["at"] - int(item["checked_at"]["N"])) <= 5


def test_a_second_run_starts_with_what_is_oldest(environ: pytest.MonkeyPatch) -> None:
    def at(when: Any) -> dict[str, Any]:
        return {"status": "ok", "at": when}

    known = {"a": {check.name: at(100 + place) for place, check in enumerate(CHAT)}, "e": {"embeddings": at("odd")}}
    known["a"]["image"] = at(50)
    tasks = in_turn(("a", "b", "embed:e"), known)
    assert [(task.model, task.check.name) for task in tasks] == [
        *(("b", check.name) for check in CHAT),
        ("e", "embeddings"),
        ("a", "image"),
        *(("a", check.name) for check in CHAT if check.name != "image"),
    ]


def test_the_cap_ends_the_run_quietly_and_the_next_day_goes_on(
    environ: pytest.MonkeyPatch, table: Any, gateway: Gateway, logged: Log
) -> None:
    dearest = max(check.estimate(price_of(NOVA)) for check in CHAT)
    cents = dearest / MICROCENTS
    environ.setenv("DEEP_PROBE_CENTS_PER_DAY", str(cents))
    now = 1_800_000_000.0
    environ.setattr(deep.run, "__defaults__", (lambda: now,))
    seen: list[int] = []
    for _ in range(8):
        done = run(gateway.url)
        seen.append(done["ok"] + done["skipped"])
        assert done["failed"] == 0
        now += 86400
    # A day has room for one check at its dearest and for several cheap ones; over days, all have their turn.
    assert max(seen) < len(CHAT)
    assert matrix(table)[NOVA].keys() == {check.name for check in CHAT}
    days = table.query(
        TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "probe"}}
    )["Items"]
    assert len(days) == 8
    assert all(int(day["microcents"]["N"]) <= cents * MICROCENTS for day in days)
    assert "the day's cap is reached" in {line.get("stopped") for line in logged.of("INFO")}
    assert not logged.of("ERROR")


def test_a_check_dearer_than_a_whole_day_is_told_and_passed_over(
    environ: pytest.MonkeyPatch, table: Any, logged: Log
) -> None:
    environ.setenv("DEEP_PROBE_MODELS", f"my-alias,{TITAN}")
    environ.setenv("DEEP_PROBE_CENTS_PER_DAY", "0.01")

    def answer(asked: Asked) -> Reply:
        assert asked.path == "/v1/embeddings"
        return said({"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": 6}})

    with FakeGateway(answer) as fake:
        done = run(fake.url)
    assert (done["skipped"], done["ok"]) == (7, 1)
    kept = Matrix(table, TABLE).read()["my-alias"]["chunking"]
    assert (
        kept["detail"]
        == f"may cost {ROOM * 150 * 1.1 * 1e-4 + 400 * 37.5 * 1.1e-4:.2g} cents, more than the cap of a day"
    )
    assert kept["ms"] is None


@pytest.mark.parametrize(("seconds", "expected"), [(CHECK_SECONDS + MARGIN_SECONDS - 1, 0), (290, 1)])
def test_nothing_is_begun_that_may_not_end_in_time(
    environ: pytest.MonkeyPatch, table: Any, gateway: Gateway, logged: Log, seconds: float, expected: int
) -> None:
    environ.setenv("DEEP_PROBE_MODELS", TITAN)
    done = run(gateway.url, seconds=seconds)
    assert (done["ok"], done["stopped"]) == (expected, "" if expected else "no time left")
    assert (spent(table) > 0) == bool(expected)


def test_without_a_context_there_is_as_much_time_as_the_function_has(
    environ: pytest.MonkeyPatch, table: Any, gateway: Gateway, logged: Log
) -> None:
    environ.setenv("GATEWAY_URL", gateway.url)
    environ.setenv("DEEP_PROBE_MODELS", TITAN)
    assert handler.handler({"probe": "deep"}, None)["ok"] == 1


def test_failed_checks_are_raised_at_the_end_by_name(environ: pytest.MonkeyPatch, table: Any, logged: Log) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/embed1"
    environ.setenv("DEEP_PROBE_MODELS", f"{arn},{TITAN}")
    answers = iter([said({"error": {"message": f"key {KEY} of {arn}"}}, 500), said({"data": [{"embedding": []}]})])
    with FakeGateway(lambda asked: next(answers)) as fake, pytest.raises(CanaryFailed) as told:
        run(fake.url)
    assert str(told.value) == (
        "deep probe: 2 of 2 checks failed: application-inference-profile/embed1 embeddings "
        f"(status 500: key (hidden) of (an ARN)); {TITAN} embeddings (the answer has no data[0].embedding)"
    )
    assert matrix(table) == {arn: {"embeddings": "failed"}, TITAN: {"embeddings": "failed"}}
    assert [line["check"] for line in logged.of("ERROR")] == ["embeddings", "embeddings"]
    for secret in (KEY, "123456789012", "arn:aws"):
        assert secret not in logged.text + str(told.value)
    estimates = [EMBEDDING[0].estimate(price_of(model)) for model in (arn, TITAN)]
    assert spent(table) == sum(estimates), "what may have been billed stays booked"


def test_a_wrong_key_is_a_failed_check_that_costs_nothing(
    environ: pytest.MonkeyPatch, table: Any, gateway: Gateway, logged: Log
) -> None:
    environ.setenv("API_KEY", "sk-wrong-key-1234")
    environ.setenv("DEEP_PROBE_MODELS", TITAN)
    with pytest.raises(CanaryFailed, match="status 401"):
        run(gateway.url)
    assert spent(table) == 0
    assert "sk-wrong" not in logged.text


def test_the_key_may_be_in_a_parameter(environ: pytest.MonkeyPatch, table: Any, gateway: Gateway, logged: Log) -> None:
    aws.client("ssm", "us-east-1").put_parameter(Name="/k", Value=KEY, Type="SecureString")
    environ.delenv("API_KEY")
    environ.setenv("API_KEY_PARAM_NAME", "/k")
    environ.setenv("DEEP_PROBE_MODELS", TITAN)
    assert run(gateway.url)["ok"] == 1


def test_a_table_that_is_not_there_ends_the_run_before_anything_is_spent(
    environ: pytest.MonkeyPatch, logged: Log
) -> None:
    environ.setenv("TABLE_NAME", "elsewhere")
    with FakeGateway(lambda asked: said({})) as fake, pytest.raises(Unavailable, match=r"^Query: ResourceNotFound"):
        run(fake.url)
    assert fake.asked == []


def test_without_a_table_the_deep_probe_refuses(environ: pytest.MonkeyPatch, logged: Log) -> None:
    environ.delenv("TABLE_NAME")
    with pytest.raises(Misconfigured, match="TABLE_NAME"):
        run("http://127.0.0.1:1")
