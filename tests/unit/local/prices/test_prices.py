"""`./dev prices`: the price list is read as AWS writes it, and nothing is lost that it does not have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from app.meter.prices import TABLE, table
from local.prices.__main__ import NAMES, check, main
from local.prices.merge import dump, merge
from local.prices.offers import Seen, meter_of, name_of
from tests.unit.local.prices.pricelist import LIST, Fake, product, running

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}
OPUS, NOVA_PRO, NOVA_2 = "anthropic.claude-opus-5-5", "amazon.nova-pro-v1:0", "amazon.nova-2-lite-v1:0"


@pytest.fixture
def api() -> Iterator[Fake]:
    with running(LIST) as fake:
        yield fake


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(TABLE.read_text())
    return path


def environ(fake: Fake) -> dict[str, str]:
    return CREDENTIALS | {"AWS_ENDPOINT_URL_PRICING": fake.url}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def models(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())["models"]
    return found


def test_the_table_is_made_anew_from_the_api(api: Fake, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = [today()]
    assert main(["refresh", "--table", str(copy)], environ(api)) == 0
    days.append(today())  # another day, where midnight has just passed
    new, old = models(copy), models(TABLE)
    said = capsys.readouterr().out
    assert new[NOVA_PRO] == old[NOVA_PRO] | {"in": 0.9, "flex": [0.45, 1.6], "source": "price-list"}
    assert new[OPUS]["in"] == 3.5
    assert new[OPUS]["batch"] == [2, 10]
    # 4.40 is not 1.1 times 3.50 any more, so the region has a row of its own; what the list lacks is 1.1 times the base's
    assert new[f"us.{OPUS}"] == {
        "in": 4.4, "out": 22, "cache_read": 0.22, "cache_write": 5.5, "cache_write_1h": 8.8, "batch": [2.2, 11],
        "source": "price-list",
    }  # fmt: skip
    assert {id_: row for id_, row in new.items() if id_ not in (NOVA_PRO, OPUS, f"us.{OPUS}")} == {
        id_: row for id_, row in old.items() if id_ not in (NOVA_PRO, OPUS)
    }
    assert f"{NOVA_PRO} in: 0.8 -> 0.9" in said
    assert f"{OPUS} in: 4 -> 3.5" in said
    assert "without an id in names.json: Acme Rocket 9" in said
    data = json.loads(copy.read_text())
    assert data["date"] in days
    assert data["version"] == f"{data['date']}.1"
    assert data["date"] in data["sources"]["price-list"]


def test_every_page_of_every_service_is_asked_in_one_region(api: Fake, copy: Path) -> None:
    main(["refresh", "--dry-run", "--table", str(copy)], environ(api))
    assert {asked["ServiceCode"] for asked in api.asked} == set(LIST)
    assert {asked["Filters"][0]["Value"] for asked in api.asked} == {"us-east-1"}
    assert len(api.asked) == 8 + 1 + 5


def test_a_dry_run_tells_and_leaves_the_file_alone(api: Fake, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refresh", "--dry-run", "--table", str(copy)], environ(api)) == 0
    assert copy.read_text() == TABLE.read_text()
    assert "nothing was written" in capsys.readouterr().out


def test_the_second_refresh_of_a_day_changes_nothing(api: Fake, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["refresh", "--table", str(copy)], environ(api))
    once = copy.read_text()
    assert main(["refresh", "--table", str(copy)], environ(api)) == 0
    assert copy.read_text() == once
    assert "0 changes" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("shape", ["bulk", "printed"])
def test_saved_lists_are_read_without_an_account(shape: str, copy: Path, tmp_path: Path) -> None:
    files = []
    for service, items in LIST.items():
        saved: dict[str, Any] = {"PriceList": [json.dumps(item) for item in items]}
        if shape == "bulk":
            products = {str(place): item["product"] for place, item in enumerate(items)}
            on_demand = {str(place): item["terms"]["OnDemand"] for place, item in enumerate(items)}
            saved = {"offerCode": service, "products": products, "terms": {"OnDemand": on_demand}}
        files.append(tmp_path / f"{service}.json")
        files[-1].write_text(json.dumps(saved))
    arguments = [word for file in files for word in ("--from-file", str(file))]
    assert main(["refresh", "--table", str(copy), *arguments], {}) == 0
    assert models(copy)[NOVA_PRO]["in"] == 0.9
    assert models(copy)[OPUS]["batch"] == [2, 10]


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"products": {"a": 1}, "terms": 5}', '{"PriceList": ["{", 5, null]}']
)
def test_a_file_that_is_no_price_list_is_an_error(
    content: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text(content)
    assert main(["refresh", "--table", str(copy), "--from-file", str(tmp_path / "x.json")], {}) == 2
    assert copy.read_text() == TABLE.read_text()
    assert capsys.readouterr().err.startswith("prices: ")


def test_a_refusal_is_told_without_the_account(api: Fake, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api.refuses = "AccessDeniedException"
    assert main(["refresh", "--table", str(copy)], environ(api)) == 2
    said = capsys.readouterr().err
    assert "pricing:GetProducts is needed" in said
    assert "arn:" not in said


def test_without_credentials_it_says_so(
    api: Fake, copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert main(["refresh", "--table", str(copy)], {"AWS_ENDPOINT_URL_PRICING": api.url}) == 2
    assert "credentials" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("usagetype", "meter"),
    [
        ("USE1-NovaPro-input-tokens", ("in", "", False, False)),
        ("USE1-NovaPro-output-tokens-batch", ("out", "batch", False, False)),
        ("USE1-Nova2.0Pro-text-input-tokens-priority-cross-region-global", ("in", "priority", True, False)),
        ("USE1-Gemma-3-4B-IT-input-tokens-flex", ("in", "flex", False, False)),
        ("USE1-Qwen3-32B-cache-read-input-token-count", ("cache_read", "", False, False)),
        ("USE1-NovaPro-cache-write-input-token-count", ("cache_write", "", False, False)),
        ("APN1-MP:APN1_InputTokenCount_Global-Units", ("in", "", True, False)),
        ("USE1-MP:USE1_OutputTokenCount-Units", ("out", "", False, False)),
        ("APN1-MP:APN1_MillionBatchInputTokens-Units", ("in", "batch", False, False)),
        ("USE1-MP:USE1_CacheWrite1hInputTokenCount-Units", ("cache_write_1h", "", False, False)),
        ("USE1-MP:USE1_cache_write_tokens_1h_global_standard-Units", ("cache_write_1h", "", True, False)),
        ("USE1-MP:USE1_cache_write_tokens_global_standard-Units", ("cache_write", "", True, False)),
        ("USW2-MP:USW2_input_tokens_long_ctx_global_standard-Units", ("in", "", True, True)),
        ("USE1-cohere.rerank-english-v3-search-units", ("unit", "", False, False)),
        ("USE1-MP:USE1_cache_write_tokens_30m_standard-Units", None),
        ("USE1-openai.gpt-oss-20b-mantle-input-tokens-standard", None),
        ("APS7-MP:APS7_Reserved_1Month_InputTPM_Geo-Units", None),
        ("USE1-Claude3Sonnet-ProvisionedThroughput-NoCommit-ModelUnits", None),
        ("USE1-NovaCanvas-T2I-1024-Standard", None),
        ("USE1-Nova2.0Sonic-speech-input-tokens", None),
        ("USE1-Guardrail-AutomatedReasoningPolicyUnitsConsumed", None),
        ("", None),
    ],
)  # fmt: skip
def test_usage_types_as_others_have_seen_them(usagetype: str, meter: tuple[str, str, bool, bool] | None) -> None:
    assert meter_of(usagetype) == meter


def test_the_name_is_where_each_service_puts_it() -> None:
    assert name_of({"servicename": "Claude Opus 5.5 (Amazon Bedrock Edition)"}) == "Claude Opus 5.5"
    assert name_of({"servicename": "Amazon Bedrock", "titanModel": "X"}) == "X"
    assert name_of({"servicename": "Amazon Bedrock"}) == ""


def test_two_prices_for_the_same_are_told_and_the_higher_one_is_taken() -> None:
    seen = [Seen("Nova Pro", "u", "in", "", False, False, usd) for usd in (0.7, 0.9)]
    result = merge(table(), seen, {"Nova Pro": NOVA_PRO}, date="2026-12-01")
    assert result.table["models"][NOVA_PRO]["in"] == 0.9
    assert "0.7 and 0.9" in result.doubts[0]


def test_a_new_model_needs_both_prices() -> None:
    result = merge(table(), [Seen("X", "u", "in", "", False, False, 1.0)], {"X": "acme.x"}, date="2026-12-01")
    assert result.changes == []
    assert "a row needs in and out" in result.doubts[0]
    both = [Seen("X", "u", kind, "", False, False, 1.0) for kind in ("in", "out")]
    assert merge(table(), both, {"x": "acme.x"}, date="2026-12-01").table["models"]["acme.x"]["out"] == 1


def test_a_price_of_long_prompts_needs_to_be_known_from_where_on() -> None:
    seen = [Seen("S", "u", kind, "", True, True, 7.0) for kind in ("in", "out")]
    known = merge(table(), seen, {"S": "anthropic.claude-sonnet-4-5-20250929-v1:0"}, date="2026-12-01")
    over = known.table["models"]["anthropic.claude-sonnet-4-5-20250929-v1:0"]["over"]
    assert over == {"tokens": 200_000, "in": 7, "out": 7, "cache_read": 0.6}
    unknown = merge(table(), seen, {"S": OPUS}, date="2026-12-01")
    assert "from how many tokens on is not known" in unknown.doubts[0]


def test_the_region_s_price_that_is_the_table_s_multiple_makes_no_row() -> None:
    seen = [Seen("N", "u", kind, "", False, False, usd) for kind, usd in (("in", 4.4), ("out", 22.0))]
    assert merge(table(), seen, {"N": OPUS}, date="2026-12-01").changes == []


def test_a_row_of_the_region_s_own_lacks_nothing_that_the_base_has() -> None:
    """Else its long prompts would be charged too little, and what it reads from the cache too much."""
    seen = [Seen("H", "u", kind, "", False, False, usd) for kind, usd in (("in", 0.2), ("out", 1.0))]
    own = merge(table(), seen, {"H": "anthropic.claude-haiku-5-5"}, date="2026-12-01").table["models"]
    row = own["us.anthropic.claude-haiku-5-5"]
    assert (row["in"], row["out"], row["cache_read"]) == (0.2, 1, 0.011)
    assert row["over"] == {"tokens": 100_000, "in": 0.55, "out": 2.75, "cache_read": 0.055}


def test_the_region_s_prices_of_tiers_and_long_prompts_are_checked_too() -> None:
    nova = [Seen("N", "u", kind, "batch", False, False, usd) for kind, usd in (("in", 0.2), ("out", 1.5))]
    assert merge(table(), nova, {"N": NOVA_2}, date="2026-12-01").table["models"][f"us.{NOVA_2}"]["batch"] == [0.2, 1.5]
    same = [Seen("S", "u", "in", "", False, True, 2.2), Seen("S", "u", "in", "", False, False, 1.1)]
    assert merge(table(), same, {"S": "openai.gpt-6.1-terra"}, date="2026-12-01").changes == []


def test_versions_of_one_day_are_counted() -> None:
    seen = [Seen("Nova Pro", "u", "in", "", False, False, 0.9)]
    assert merge(table(), seen, {"Nova Pro": NOVA_PRO}, date=table()["date"]).table["version"] == f"{table()['date']}.2"


def test_the_file_is_written_as_it_stands() -> None:
    assert dump(json.loads(TABLE.read_text())) == TABLE.read_text()


def test_every_name_leads_to_a_model_of_the_table() -> None:
    ids = {id_.removeprefix("us.") for id_ in table()["models"]}
    assert set(json.loads(NAMES.read_text())["names"].values()) <= ids


def test_free_and_foreign_rows_are_no_prices(copy: Path, tmp_path: Path) -> None:
    items = [product("USE1-NovaPro-input-tokens", "0.0", model="Nova Pro"), product("X", "1", model="Nova Pro")]
    (tmp_path / "x.json").write_text(json.dumps({"PriceList": items}))
    assert main(["refresh", "--table", str(copy), "--from-file", str(tmp_path / "x.json")], {}) == 2


# show and check


def test_show_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "amazon.nova-*"], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["model", "in", "out"]
    assert next(line for line in lines if NOVA_PRO in line).split()[1:4] == ["0.8", "3.2", "0.2"]


def test_show_says_what_an_id_is_charged_with_its_geography_and_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", f"eu.{NOVA_2}"], {"PRICES": '{"*": {"multiplier": 0.5}}'}) == 0
    said = capsys.readouterr().out
    assert "+own" in said
    assert next(line for line in said.splitlines() if line.startswith("default")).split()[1:3] == ["0.165", "1.375"]


def test_show_says_that_a_model_has_no_price(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "acme.rocket"], {}) == 0
    assert "charged the ceiling" in capsys.readouterr().out


@pytest.mark.parametrize("setting", [{"PRICES": "{"}, {"PRICE_CEILING": "0,1"}])
def test_settings_that_can_not_be_used_are_told(setting: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"], setting) == 2
    assert next(iter(setting)) in capsys.readouterr().err


def test_check_remarks_on_age_and_ends_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(date(2026, 9, 1)) == 0
    assert check(date(2027, 6, 1)) == 1
    said = capsys.readouterr().out
    assert "days old; see ./dev prices refresh" in said
    assert "deepseek.v3-v1:0 was to end on 2027-03-30" in said


def test_check_does_not_fail_because_a_model_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(date(2026, 12, 1)) == 0
    assert "anthropic.claude-sonnet-4-20250514-v1:0 was to end on 2026-10-14" in capsys.readouterr().out
