"""The benchmark of the deployment package: what it computes, and what it stages the plain gateway from."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import pytest

from bench import package_table
from bench.costs import ONE_VCPU_MB, REQUEST, share
from bench.imports import STANDARD, START, by_module, by_package, least
from bench.package import RESULTS
from bench.package_measures import DIRECT, EMULATOR, THROUGH, Findings, Start, picture
from bench.staging import IMPORTED, LOADED, OURS, PLAIN, TIKTOKEN, locked

LOG = """\
import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |   encodings
import time:      2000 |       3000 |       app.core.prompt
import time:       500 |      29000 | app.serve
a line of the server's own
import time:       250 |        250 | json.decoder
import time:      4000 |       4000 |     pydantic
"""


def starts(seconds: float, cpu: float) -> list[Start]:
    return [Start(seconds * 0.9, seconds, cpu * 0.9, cpu, {"runtime": 40.0, "extension": 4.0})] * 3


@pytest.fixture
def found() -> Findings:
    found = Findings(chat_cpu=0.001, stream_cpu=[0.15, 0.16, 0.17], stream_bytes=99_613, memory={"both": 46.0})
    for name, seconds in ((OURS, 0.3), (PLAIN, 0.4), (IMPORTED, 0.5), (LOADED, 0.6)):
        found.starts[name] = starts(seconds, seconds - 0.1)
    for name in (EMULATOR, DIRECT, THROUGH):
        found.chats[name] = [number / 1000 for number in range(1, 200)]
    found.sizes["function"] = (670_000, 1_340_000)
    found.imports = {OURS: {STANDARD: 80.0, "app": 70.0, "six": 0.2}, PLAIN: {STANDARD: 90.0, "fastapi": 75.0}}
    return found


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"][2:]


def test_import_times_are_read_and_other_lines_are_not() -> None:
    assert by_module(LOG) == {
        "encodings": 1500,
        "app.core.prompt": 2000,
        "app.serve": 500,
        "json.decoder": 250,
        "pydantic": 4000,
    }


def test_import_times_are_added_up_by_package() -> None:
    assert by_package(by_module(LOG)) == {"pydantic": 4.0, "app": 2.5, START: 1.5, STANDARD: 0.25}


def test_the_least_of_several_runs_counts() -> None:
    assert least([{"a": 3, "b": 7}, {"a": 5, "b": 6}, {"b": 9}]) == {"a": 3, "b": 6}


def test_the_share_of_a_processor_grows_with_memory_up_to_a_whole_one() -> None:
    assert share(ONE_VCPU_MB) == share(3008) == 1
    assert share(256) == pytest.approx(256 / 1769)


@pytest.mark.parametrize(
    ("processor", "throttled", "full"),
    [  # 0.3 s, of which 0.2 are CPU and 0.18 of those before it is ready
        (1.0, 0.3, 0.3),
        (0.5, 0.1 + 0.4, 0.1 + 0.18 + 0.04),
        (0.1, 0.1 + 2.0, 0.1 + 0.18 + 0.2),
    ],
)
def test_a_start_is_its_waiting_and_its_cpu_over_the_share(processor: float, throttled: float, full: float) -> None:
    assert package_table.start_seconds(starts(0.3, 0.2), processor) == pytest.approx((throttled, full))


def test_a_stream_waits_for_the_model_and_computes_beside(found: Findings) -> None:
    assert package_table.request_seconds(found, 0.5) == pytest.approx(REQUEST.seconds + 0.32)


def test_less_memory_is_slower_to_start_and_cheaper_to_wait(found: Findings) -> None:
    rows = cells(package_table.computed(found))
    assert [int(row[0]) for row in rows] == list(package_table.MEMORIES)
    slow, quick, gigabyte_seconds = ([float(row[at]) for row in rows] for at in (1, 2, 4))
    assert descending(slow)
    assert descending(quick)
    assert descending(gigabyte_seconds[::-1])


def descending(values: Sequence[float]) -> bool:
    return list(values) == sorted(values, reverse=True)


def test_the_page_tells_the_share_of_the_plain_gateway_s_start(found: Findings) -> None:
    page = package_table.page(found, "a machine", "3.13", 3)
    assert "**0.60** of the one that only imports it" in page
    assert "**0.50** of the one that loads its vocabulary" in page
    assert "NOT MEASURED: this machine lets nobody set a quota." in page


def test_every_table_of_the_page_is_whole(found: Findings) -> None:
    found.throttled[256] = [(starts(2.0, 0.4)[0], 10.05)]
    width = 0
    for line in package_table.page(found, "a machine", "3.13", 3).splitlines():
        here = line.count("|") if line.startswith("|") else 0
        assert width in (0, here) or here == 0, line
        width = here


@pytest.mark.parametrize("name", TIKTOKEN)
def test_the_plain_gateway_s_packages_come_from_the_lock_with_their_hashes(name: str) -> None:
    lines = locked(name).splitlines()
    assert lines[0].startswith(f"{name}==")
    assert len(lines) > 1
    assert all("--hash=sha256:" in line for line in lines[1:])


def test_a_package_that_the_lock_lacks_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="has no numpy"):
        locked("numpy")


def test_the_picture_is_a_png_of_the_size_asked_for() -> None:
    image = picture(100_000)
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert 99_000 < len(image) < 101_000
    at = image.index(b"IDAT")
    length = int.from_bytes(image[at - 4 : at])
    assert len(zlib.decompress(image[at + 4 : at + 4 + length])) == 1001 * (100_000 // 1001)


def test_the_results_that_are_kept_are_within_what_the_project_promises() -> None:
    """Cold start against the plain gateway as its like is deployed, with tiktoken's vocabulary; sizes; room in 256 MB."""
    kept = RESULTS.read_text()
    (start,) = re.findall(r"\*\*(\d\.\d+)\*\* of the one that loads its vocabulary", kept)
    assert float(start) <= 0.65
    figures = {name: numbers for name, *numbers in cells(kept.replace("\n\n", "\n"))}
    zipped, unzipped = map(float, figures["layers/slim"])
    assert zipped <= 11
    assert unzipped <= 34
    (most,) = map(float, figures["both, the most ever, after a request with a 4 MB picture"])
    assert most <= 128
