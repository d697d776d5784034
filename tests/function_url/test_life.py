"""The life of an environment: started, frozen, ended, killed; what it finds there, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.function_url import FunctionUrl, layout
from local.function_url.environment import Environment
from tests.function_url.asking import settled
from tests.function_url.conftest import Serve
from tests.wire.gateway import eventually

LINUX = sys.platform == "linux"
MAY_UNSHARE = (
    LINUX
    and os.geteuid() == 0
    and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
)
ROOT = Path(__file__).parents[2]


def get(url: FunctionUrl, path: str, **options: Any) -> httpx.Response:
    return httpx.get(url.base + path, timeout=60, **options)


def states(pids: dict[str, int]) -> set[str]:
    """The states of processes as the kernel has them; T is stopped."""
    return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids.values()}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def idle(url: FunctionUrl) -> None:
    eventually(lambda: {each.state for each in url.environments} <= {"idle", "gone"}, "all are idle")


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_processes_stand_still_between_two_requests(probe: Serve) -> None:
    with probe() as url:
        before = get(url, "/echo").json()["ticks"]
        idle(url)
        (environment,) = url.environments
        eventually(lambda: states(environment.pids) == {"T"}, "both are stopped")
        assert set(environment.pids) == {"runtime", "extension"}
        stopped = threading.Event()
        stopped.wait(0.5)  # in which it would tick 50 times
        assert get(url, "/echo").json()["ticks"] - before < 25
        assert len(url.environments) == 1


def test_nothing_is_frozen_where_that_is_not_wanted(probe: Serve) -> None:
    with probe(freeze=False) as url:
        before = get(url, "/echo").json()["ticks"]
        eventually(lambda: get(url, "/echo").json()["ticks"] > before + 20, "time goes on")
        assert not url.environments[0].frozen


def test_requests_at_once_have_environments_of_their_own(probe: Serve) -> None:
    with probe(concurrency=3) as url:
        url.warm(3)
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(get(url, "/sse/0.5").status_code)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 200, 200, 429]
        idle(url)
        assert [each.invocations for each in url.environments] == [1, 1, 1]


def test_an_environment_is_used_again(probe: Serve) -> None:
    with probe() as url:
        for _ in range(3):
            assert get(url, "/status/200").status_code == 200
        eventually(lambda: len(url.invocations) == 3, "all are over")
        assert [record.cold for record in url.invocations] == [True, False, False]
        assert [record.environment for record in url.invocations] == [1, 1, 1]
        first, second, _ = url.invocations
        assert first.billed_ms > second.billed_ms > 0
        assert first.first_byte_ms is not None
        assert first.first_byte_ms > (first.init_ms or 0) > 50
        told = [line.text for line in url.logs]
        assert sum(text.startswith("START RequestId: ") for text in told) == 3
        assert "Init Duration" in next(text for text in told if text.startswith("REPORT"))


def test_a_request_that_takes_too_long_is_cut_off_and_its_environment_ended(probe: Serve) -> None:
    with probe(timeout=1) as url:
        with httpx.stream("GET", f"{url.base}/sse/5", timeout=30) as answer:
            assert answer.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                answer.read()
        assert get(url, "/status/200").status_code == 200
        assert any(line.text.endswith("Task timed out after 1.00 seconds") for line in url.logs)
        assert url.environments[0].state == "gone"
        settled(url)
        assert url.invocations[0].outcome == "Sandbox.Timedout"
        assert len(url.environments) == 2


@pytest.mark.parametrize("path", ["/crash", "/crash/midway"])
def test_a_runtime_that_crashes_is_502_and_the_next_request_finds_a_new_one(probe: Serve, path: str) -> None:
    with probe() as url:
        answer = get(url, path)
        if path == "/crash":
            assert (answer.status_code, answer.text) == (502, "Internal Server Error")
        else:
            assert answer.text.startswith("half")  # the status was said before
        assert get(url, "/status/200").status_code == 200
        assert [each.number for each in url.environments] == [1, 2]
        assert url.environments[0].exit_code == -signal.SIGKILL


def test_an_environment_that_this_machine_cannot_start_gives_its_place_back(
    probe: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(environment: Environment) -> None:
        raise OSError(24, "Too many open files")

    with probe(concurrency=1) as url:
        with monkeypatch.context() as patch:
            patch.setattr(Environment, "boot", full)
            for _ in range(2):
                assert get(url, "/status/200").status_code == 502
        assert get(url, "/status/200").status_code == 200
        assert any("Too many open files" in line.text for line in url.logs)


def test_a_runtime_that_does_not_start_is_tried_twice(probe: Serve) -> None:
    with probe({"PROBE_EXIT": "7"}) as url:
        answer = get(url, "/status/200")
        assert answer.status_code == 502
        told = [line.text for line in url.logs]
        assert sum(text.startswith("INIT_REPORT") and text.endswith("Status: error") for text in told) == 2
        assert any("exit code 7" in text for text in told)


def test_a_start_that_takes_too_long_begins_again_within_the_request(probe: Serve) -> None:
    with probe({"PROBE_BIND_DELAY": "1.5", "AWS_LWA_ASYNC_INIT": "false"}, init_limit=1) as url:
        assert get(url, "/status/200").status_code == 200
        eventually(lambda: url.invocations, "it is over")
        assert url.invocations[0].duration_ms > 1500
        assert any(text.endswith("Phase: init Status: timeout") for _, _, text in url.logs)


def test_shutdown_lets_the_function_end_in_good_order(probe: Serve) -> None:
    with probe() as url:
        get(url, "/status/200")
        url.end_environments()
        (environment,) = url.environments
        assert (environment.state, environment.exit_code) == ("gone", -signal.SIGTERM)
        assert environment.end_seconds is not None
        assert environment.end_seconds < 2
        eventually(lambda: "the probe has shut down in good order" in [line.text for line in url.logs], "its last line")
        assert get(url, "/status/200").status_code == 200


def test_shutdown_does_not_wait_for_ever(probe: Serve) -> None:
    with probe(shutdown_limit=0.5) as url:
        with httpx.stream("GET", f"{url.base}/sse/60", timeout=30) as answer:
            pieces = answer.iter_raw()
            assert next(pieces) == b"data: 0\n\n"
            url.end_environments()
            with pytest.raises(httpx.RemoteProtocolError):
                list(pieces)
        (environment,) = url.environments
        assert (environment.exit_code, environment.end_seconds) == (-signal.SIGKILL, None)


def test_environments_end_at_random_ages(probe: Serve) -> None:
    with probe(ages=(0.2, 0.4)) as url:
        get(url, "/status/200")
        eventually(lambda: url.environments[0].state == "gone", "its age is reached")
        assert get(url, "/sse/0.5").text.endswith("[DONE]\n\n")  # longer than its age: no request is interrupted
        eventually(lambda: url.environments[1].state == "gone", "it ends afterwards")


@pytest.fixture(params=["isolated", "plain"])
def placed(
    probe: Serve, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[FunctionUrl, dict[str, Any]]]:
    """A function, and what it found. Where no mount namespace is allowed, both are the plain one."""
    monkeypatch.setenv("CALLERS_OWN", "secret")
    isolate = request.param == "isolated"
    with probe({"OF_THE_TEMPLATE": "yes"}, isolate=isolate) as url:
        assert url.isolated == (isolate and MAY_UNSHARE)
        yield url, get(url, "/place").json()


def test_a_function_finds_what_it_would_find_on_lambda(placed: tuple[FunctionUrl, dict[str, Any]]) -> None:
    url, found = placed
    env = found["environ"]
    assert env["OF_THE_TEMPLATE"] == "yes"
    assert "CALLERS_OWN" not in env
    assert "HOME" not in env
    assert (env["_HANDLER"], env["AWS_LAMBDA_FUNCTION_NAME"], env["TZ"]) == ("run.sh", "gateway", ":UTC")
    assert (env["AWS_REGION"], env["AWS_LWA_INVOKE_MODE"]) == ("us-east-1", "response_stream")
    assert "PORT" not in env
    assert found["version"] == list(sys.version_info[:2])
    assert ".venv" not in found["prefix"]
    assert found["cwd"] == env["LAMBDA_TASK_ROOT"]
    assert found["tmp"] == ["written"]
    if url.isolated:
        assert found["cwd"] == "/var/task"
        assert found["uvicorn"].startswith("/opt/python/uvicorn/")
        assert (env["AWS_LAMBDA_EXEC_WRAPPER"], env["PATH"].split(":")[0]) == ("/opt/bootstrap", "/var/lang/bin")
        assert found["writable"] == {"/var/task": False, "/opt/python": False, "/tmp": True}


def test_where_no_namespace_is_to_be_had_variables_do(probe: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise OSError

    monkeypatch.setattr(layout, "Isolated", refused)
    with probe() as url:
        assert not url.isolated
        assert get(url, "/status/200").status_code == 200


def test_nothing_is_left_of_an_environment(probe: Serve) -> None:
    with probe() as url:
        work = Path(get(url, "/place").json()["environ"].get("TMPDIR") or "/tmp")
        pids = list(url.environments[0].pids.values())
        folder = url.environments[0]._tmp.parent
        assert folder.exists()
    assert not any(alive(pid) for pid in pids)
    assert not folder.exists()
    assert not (work / "written").exists()


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_nothing_is_left_when_the_harness_is_killed(web_adapter: Path, probe_build: Path) -> None:
    program = (
        "import sys, httpx\nfrom pathlib import Path\nfrom local.function_url import FunctionUrl\n"
        "with FunctionUrl(Path(sys.argv[1]), {}, adapter=Path(sys.argv[2])) as url:\n"
        "    httpx.get(url.base + '/status/200', timeout=60)\n"
        "    print(*url.environments[0].pids.values(), url.environments[0]._tmp.parent, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(probe_build), str(web_adapter)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        *pids, folder = child.stdout.readline().split()
        child.kill()
    assert len(pids) == 2
    eventually(lambda: not any(alive(int(pid)) for pid in pids), "they are gone")
    eventually(lambda: not Path(folder).exists(), "its folder is gone")
