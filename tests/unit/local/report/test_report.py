"""`./dev report`, over a table and over log lines, as a page and as CSV."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from app.core.access import Budget, Scope
from app.core.books import UsageRecord
from app.core.counting import Charge
from app.core.events import Usage
from app.core.money import Cost
from app.core.records import KeyRecord
from app.core.rollup import UsageRow
from app.core.table import Item, TableUnavailable
from app.meter.log import to_line
from app.stores.directory.store import TableDirectory
from app.stores.ledger import Ledgers
from app.stores.recorder import Recorder
from app.stores.rollups import Rollups
from app.stores.table.memory import MemoryTable
from app.stores.unstored import log_unstored
from local.report.__main__ import main
from local.report.logs import Logged
from local.report.text import WIDTH, width
from local.table import NoTable
from tests.usage_records import NOON, any_records, record

PREMIUM, CHEAP, UNPRICED = "us.anthropic.claude-opus-4-1-20250805-v1:0", "amazon.nova-lite-v1:0", "acme.rocket-v9"
DOLLAR = 10**9
ROOT = Path(__file__).parents[4]


def clock() -> float:
    return NOON


def table_of(records: Sequence[UsageRecord], tags: Sequence[str] = ("team",)) -> MemoryTable:
    table = MemoryTable(clock)
    recorder = Recorder(table, metered_tags=tags, interval=0, clock=clock)
    for each in records:
        recorder.record(each)
    assert asyncio.run(recorder.flush(5))
    return table


USUAL = [
    record("a", model=PREMIUM, tags={"team": "search"}, usage=Usage(1000, 20), cost=Cost(2 * DOLLAR), first_token_ms=400),
    record("b", model=PREMIUM, tags={"team": "search"}, usage=Usage(1000, 500), cost=Cost(3 * DOLLAR)),
    record("c", model=CHEAP, asked="fast", key="key_2", usage=Usage(10, 5), cost=Cost(DOLLAR // 2)),
    record("d", model=PREMIUM, asked="fast", project="proj_2", usage=Usage(9, 300), cost=Cost(DOLLAR)),
    record("e", model=UNPRICED, cost=Cost(7, priced=False), ended=NOON - 86400),
    record("f", model=CHEAP, usage=Usage(), outcome="error", status=429, error_code="rate_limit_exceeded"),
    record("g", model=CHEAP, usage=Usage(), cache="hit", saved=DOLLAR // 4),
]  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], table: Any, *arguments: str, environ: Any = None) -> tuple[int, str, str]:
    def opens(local: bool) -> Any:
        if isinstance(table, Exception):
            raise table
        return table

    code = main(arguments, environ or {}, opens, clock)
    written = capsys.readouterr()
    return code, written.out, written.err


def line_with(text: str, *words: str) -> str:
    found = [line for line in text.splitlines() if all(word in line for word in words)]
    assert len(found) == 1, found
    return found[0]


def test_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    code, page, problems = run(capsys, table_of(USUAL))
    assert (code, problems) == (0, "")
    assert "Usage from 2025-10-23 to 2025-11-21 (UTC), 30 days" in page
    assert line_with(page, "Spend ") == "Spend      $6.50, $0.9286 per request"
    assert line_with(page, "Requests  ") == "Requests   7, errors 1 (14.3 %), throttled 1"
    assert line_with(page, "response cache").endswith("1 answers from the response cache saved $0.2500")
    assert line_with(page, "p50", "; first token").startswith("Latency    p50 1.4 s")
    for title in ("Projects", "Keys", "Models called", "Aliases, and the models that served them", "Days (UTC)"):
        assert title in page.splitlines()
    assert line_with(page, "proj_2").split()[1:5] == ["1", "309", "$1.00", "$1.00"]
    assert line_with(page, "key_2").split()[1:4] == ["1", "15", "$0.5000"]
    assert line_with(page, "2025-11-20").split()[1:3] == ["1", "300"]
    assert [line for line in page.splitlines() if " * " in line] == [line_with(page, f"{UNPRICED} *")]
    assert f"  1 requests: {UNPRICED}" in page
    assert all(width(line) <= WIDTH for line in page.splitlines())


def test_both_arms_of_an_alias_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    _, page, _ = run(capsys, table_of(USUAL), "--by", "asked")
    assert line_with(page, f"fast > {CHEAP}")
    assert line_with(page, f"fast > {PREMIUM}")


def test_tags_that_use_a_premium_model_for_short_answers(capsys: pytest.CaptureFixture[str]) -> None:
    _, page, _ = run(capsys, table_of(USUAL))
    part = page[page.index("Premium models for short answers") :]
    assert line_with(part, "team=search").split() == ["team=search", "2", "1", "50.0", "%", "$2.00", "40.0", "%"]
    assert "(no tag)" not in part  # its answers of premium models are long


def test_unsettled_charges_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    table = MemoryTable(clock)
    recorder = Recorder(table, clock=clock)
    recorder.charge_unsettled("proj_1", "key_1", "", 3 * DOLLAR, NOON)
    assert asyncio.run(recorder.flush(5))
    _, page, _ = run(capsys, table)
    assert "never heard of again, charged at their estimate: 1, $3.00 in all." in page


def test_names_of_keys_and_projects(capsys: pytest.CaptureFixture[str]) -> None:
    table = MemoryTable(clock)

    async def fill() -> None:
        project = await TableDirectory(table, clock=clock).create_project("Search team")
        recorder = Recorder(table, clock=clock)
        recorder.record(record(project=project.id))
        assert await recorder.flush(5)

    asyncio.run(fill())
    _, page, _ = run(capsys, table)
    assert "Search team (proj_" in page


def test_no_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ((), ("--by", "model")):
        code, page, _ = run(capsys, MemoryTable(clock), *arguments)
        assert code == 0
        assert "No usage." in page
    code, page, _ = run(capsys, MemoryTable(clock), "--csv")
    assert page.startswith("day,kind,")
    assert len(page.splitlines()) == 1


def test_days(capsys: pytest.CaptureFixture[str]) -> None:
    _, page, _ = run(capsys, table_of(USUAL), "--days", "1")
    assert "Requests   6," in page
    assert "from 2025-11-21 to 2025-11-21 (UTC), 1 day" in page


def test_a_long_tail_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    records = [record(f"r{n}", key=f"key_{n:03}", cost=Cost(1000 - n)) for n in range(50)]
    _, page, _ = run(capsys, table_of(records))
    assert line_with(page, "(30 more: --by key)").split()[4] == "30"
    _, page, _ = run(capsys, table_of(records), "--by", "key")
    assert "key_049" in page


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(1)",
    " =1",
    "a\x1b[31m\r\nb",
    "\u202egnp",
    "漢字" * 60,
    "x" * 500,
    'q"u,o',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_break_neither_page_nor_spreadsheet(capsys: pytest.CaptureFixture[str], name: str) -> None:
    table = table_of([record(user=name, model=name, tags={"team": name})])
    for arguments in ((), ("--by", "user"), ("--by", "tag")):
        code, page, _ = run(capsys, table, *arguments)
        assert code == 0
        assert page.replace("\n", "").isprintable()
        assert all(width(line) <= WIDTH for line in page.splitlines())
    _, written, _ = run(capsys, table, "--csv")
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    for field in ("user", "model", "tag"):
        assert not row[field].startswith(("=", "+", "-", "@", " =", "\t", "\r"))
        assert row[field].isprintable()
    if name == 'q"u,o':
        assert row["user"] == name


def test_csv_has_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    _, written, _ = run(capsys, table_of(USUAL), "--csv")
    assert written.count("\r\n") == written.count("\n") == 6
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert sum(int(row["requests"]) for row in rows) == 7
    (one,) = [row for row in rows if row["short"] == "1" and row["model"] == PREMIUM]
    assert (one["day"], one["tag"], one["premium"], one["cost_usd"]) == ("2025-11-21", "team=search", "yes", "5")
    assert (one["cost_short_usd"], one["input_tokens"], one["output_tokens"]) == ("2", "2000", "520")
    (unpriced,) = [row for row in rows if row["model"] == UNPRICED]
    assert (unpriced["cost_usd"], unpriced["unpriced"]) == ("0.000000007", "1")


def test_csv_by_something(capsys: pytest.CaptureFixture[str]) -> None:
    _, written, _ = run(capsys, table_of(USUAL), "--csv", "--by", "project")
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [(row["project"], row["cost_usd"]) for row in rows] == [("proj_1", "5.500000007"), ("proj_2", "1")]


@pytest.mark.parametrize("arguments", [
    ["--days", "0"], ["--days", "401"], ["--days", "-1"], ["--days", "x"], ["--by", "colour"], ["--nonsense"], ["more"],
])  # fmt: skip
def test_wrong_use(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(capsys, MemoryTable(clock), *arguments)
    assert caught.value.code == 2


def test_local_logs_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    code, page, problem = run(capsys, MemoryTable(clock), "--local", "--from-logs", "x")
    assert (code, page) == (2, "")
    assert problem.count("\n") == 1


def test_no_table_and_a_table_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    class Away(MemoryTable):
        async def query(self, pk: str, **options: Any) -> list[Item]:
            raise TableUnavailable("ResourceNotFoundException")

    for table, words in ((NoTable("TABLE_NAME is not set"), "TABLE_NAME"), (Away(clock), "no table 'state'")):
        code, page, problem = run(capsys, table, environ={"TABLE_NAME": "state"})
        assert (code, page) == (1, "")
        assert words in problem
        assert problem.count("\n") == 1


# From logs


def logged(records: Sequence[UsageRecord]) -> list[str]:
    return [json.dumps(to_line(each)).replace("\\ud800", "?") for each in records]


def rows_from(*lines: str) -> tuple[list[UsageRow], dict[str, int]]:
    found = Logged(("team",))
    found.read(lines)
    return found.rows(), found.seen


def test_logs_give_the_same_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, from_table, _ = run(capsys, table_of(USUAL))
    file = tmp_path / "gateway.log"
    file.write_text("\n".join(["INFO: started", *logged(USUAL), *logged(USUAL[:2]), "{broken", ""]))
    code, page, told = run(capsys, None, "--from-logs", str(file))
    assert code == 0
    assert page.splitlines()[0] == "Usage from log lines alone, 2025-11-20 to 2025-11-21 (UTC)"
    assert page.splitlines()[1:] == from_table.splitlines()[1:]
    assert told == "report: 11 lines: 7 requests, 2 duplicates, 2 others\n"


def test_zipped_files_and_folders(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "export" / "stream"
    folder.mkdir(parents=True)
    lines = logged(USUAL)
    (folder / "000000.gz").write_bytes(gzip.compress("\n".join(lines[:4]).encode()))
    (folder / "000001.gz").write_bytes(gzip.compress("\n".join(lines[4:]).encode()))
    _, page, _ = run(capsys, None, "--from-logs", str(tmp_path / "export"))
    assert "Requests   7," in page


def test_standard_input_and_days(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Given:
        buffer = io.BytesIO("\n".join(logged(USUAL)).encode())

    monkeypatch.setattr(sys, "stdin", Given)
    _, page, _ = run(capsys, None, "--from-logs", "-", "--days", "1")
    assert "Requests   6," in page


def test_as_a_process_whose_reader_has_seen_enough(tmp_path: Path) -> None:
    file = tmp_path / "gateway.log"
    file.write_text("\n".join(logged([record(f"r{n}", model=f"model-{n}-{'x' * 100}") for n in range(2000)])))
    command = [sys.executable, "-m", "local.report", "--from-logs", str(file), "--csv"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"day,kind,project")
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(30) == 0


@pytest.mark.parametrize("content", [None, b"\x1f\x8bnot gzip", gzip.compress(b"x" * 1000, mtime=0)[:20]])
def test_files_that_can_not_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "a.gz"
    if content is not None:
        file.write_bytes(content)
    code, page, problem = run(capsys, None, "--from-logs", str(file))
    assert (code, page) == (1, "")
    assert str(file) in problem
    assert problem.count("\n") == 1


@given(any_records())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_logs_add_up_to_what_the_table_has(records: list[UsageRecord]) -> None:
    async def from_table() -> list[UsageRow]:
        recorder = Recorder(table := MemoryTable(clock), metered_tags=("team",), interval=0, clock=clock)
        for each in records:
            recorder.record(each)
        assert await recorder.flush(5)
        return [row async for row in Rollups(table, lambda: NOON + 5 * 86400).rows("2025-11-01", "2025-11-30")]

    found, _ = rows_from(*logged(records))
    assert sorted(found, key=str) == sorted(asyncio.run(from_table()), key=str)


def unstored(caplog: pytest.LogCaptureFixture, records: Sequence[UsageRecord]) -> list[str]:
    """What the log says of these where the table never answered."""

    class Away(MemoryTable):
        async def update(self, *_: Any, **__: Any) -> Item:
            raise TableUnavailable("timed out", written=None)

    async def fail() -> None:
        recorder = Recorder(Away(clock), metered_tags=("team",), interval=0, clock=clock)
        for each in records:
            recorder.record(each)
        await recorder.flush(5)

    caplog.clear()
    asyncio.run(fail())
    return [each.getMessage() for each in caplog.records if each.name == "gateway.usage"]


def test_unstored_usage_counts_once(caplog: pytest.LogCaptureFixture) -> None:
    told = unstored(caplog, USUAL)
    with_lines, seen = rows_from(*told, *logged(USUAL))
    assert sum(row.total.requests for row in with_lines) == 7
    assert seen["unstored"] == len(told)
    alone, seen = rows_from(*told, *told)
    assert sum(row.total.requests for row in alone) == 7
    assert seen["made up"] == 7
    assert sorted(alone, key=str) == sorted(with_lines, key=str)


def test_an_unsettled_charge_that_was_not_stored_counts_once(caplog: pytest.LogCaptureFixture) -> None:
    class Away(MemoryTable):
        async def update(self, *_: Any, **__: Any) -> Item:
            raise TableUnavailable("timed out", written=None)

    async def fail() -> None:
        recorder = Recorder(Away(clock), interval=0, clock=clock)
        recorder.charge_unsettled("proj_1", "key_1", "", 55, NOON, "req_lost")
        await recorder.flush(5)

    asyncio.run(fail())
    rows, seen = rows_from(*[each.getMessage() for each in caplog.records if each.name == "gateway.usage"])
    assert [row.total.cost for row in rows] == [55]
    assert (seen["unstored"], seen["unsettled"]) == (1, 1)


def test_unsettled_charges_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(MemoryTable(clock), clock=clock)
    recorder.charge_unsettled("proj_1", "key_1", "", 55, NOON)
    (line,) = [each.getMessage() for each in caplog.records if each.name == "gateway.usage"]
    found, seen = rows_from(line, json.dumps({"timestamp": 1, "message": line}), "{}")
    assert [row.total.cost for row in found] == [55]
    assert (seen["unsettled"], seen["duplicate"], seen["other"]) == (1, 1, 1)


@pytest.mark.parametrize("line", [
    '{"event":"usage_unstored"}',
    '{"event":"usage_unstored","pk":1,"sk":"a","counters":{},"request_ids":["x"]}',
    '{"event":"usage_unstored","pk":"usage#2025-11-21","sk":"a","counters":{"n1":1},"request_ids":["x"]}',
    '{"event":"usage_unsettled"}',
    '{"event":"usage_unsettled","sk":"a","cost":5,"at":1763726400}',
    '{"event":"usage_unsettled","sk":5,"cost":5,"at":1763726400}',
    '{"event":"usage_unsettled","sk":"a","cost":5,"at":99999999999999999}',
    '{"event":"usage_unsettled","sk":"a","cost":5,"at":1e400}',
    '{"message":"{\\"message\\":\\"usage_un"}',
    '{"message":[{"event":"usage_unsettled"}]}',
    '{"event":"usage","request_id":"x","outcome":"ok"}',
    "usage_unstored {",
])  # fmt: skip
def test_lines_that_make_no_sense_do_no_harm(line: str) -> None:
    rows, seen = rows_from(line)
    assert rows == []
    assert seen["lines"] == 1


def test_requests_lost_in_several_lines_are_known_by_all_of_them(caplog: pytest.LogCaptureFixture) -> None:
    ids = [f"req_{number}" for number in range(700)]
    sk = "completions|proj_1|key_1||m||default|realtime|"
    log_unstored("usage#2025-11-21", sk, {"n1": 700}, ids, "timed out", certain=True)
    told = [each.getMessage() for each in caplog.records]
    assert len(told) == 2
    rows, _ = rows_from(*told)
    assert [row.total.requests for row in rows] == [700]


# Reservations that nobody settled


def with_an_expired_reservation(table: MemoryTable) -> None:
    async def fill() -> None:
        budget = Budget(100 * DOLLAR)
        key, _ = await TableDirectory(table, clock=clock).create_key(KeyRecord("", "crawler", budget=budget))
        recorder = Recorder(table, clock=clock)
        recorder.record(record(key=key.id, cost=Cost(DOLLAR)))
        assert await recorder.flush(5)
        ledgers = Ledgers(table, lasts=60, clock=lambda: NOON - 3600)
        await ledgers.reserve(
            Scope("key", key.id, budget=budget), "req_lost", "m", 4 * DOLLAR, 10, charge=Charge(key.id)
        )

    asyncio.run(fill())


def test_what_was_never_settled_is_charged_before_anybody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    table = MemoryTable(clock)
    with_an_expired_reservation(table)
    for _ in range(2):  # once, however often somebody looks
        code, page, problems = run(capsys, table)
        assert (code, problems) == (0, "")
        assert "charged at their estimate: 1, $4.00 in all." in page
        assert line_with(page, "Spend ").startswith("Spend      $5.00,")
        assert line_with(page, "crawler (key_")


def test_who_may_only_read_sees_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    class ReadOnly(MemoryTable):
        locked = False

        async def update(self, *given_: Any, **more: Any) -> Item:
            if self.locked:
                raise TableUnavailable("AccessDeniedException", again=False)
            return await super().update(*given_, **more)

    table = ReadOnly(clock)
    with_an_expired_reservation(table)
    table.locked = True
    code, page, _ = run(capsys, table)
    assert code == 0
    assert line_with(page, "Spend ").startswith("Spend      $1.00,")
