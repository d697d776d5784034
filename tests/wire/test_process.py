"""`python -m app.serve` as a process: how it starts, refuses to start, and ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.stores.table.memory import MemoryTable
from local.emulator import Emulator
from tests.wire.gateway import KEY, NOVA, TITAN, chat, environment, eventually, frames, serving

ROOT = Path(__file__).parents[2]
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "API_KEY"))}
START_LIMIT = 15.0  # measured: 0.4 s; generous, because CI shares its cores


@contextmanager
def process(upstream: str, program: str = "", **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A served gateway and its address. `program`: one that serves it in another way."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = BARE | environment(upstream) | {"API_KEY": KEY, "PORT": str(port)} | settings
    command = [sys.executable, *(("-c", program) if program else ("-m", "app.serve", "--host", "127.0.0.1"))]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        try:
            eventually(lambda: _healthy(port), "health", START_LIMIT)
            yield child, f"http://127.0.0.1:{port}"
        finally:
            if child.poll() is None:
                child.kill()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


def ended(child: subprocess.Popen[str], seconds: float = 15.0) -> tuple[int, str]:
    """Exit code and all it said."""
    output, _ = child.communicate(timeout=seconds)
    return child.returncode, output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(emulator: Emulator, number: signal.Signals) -> None:
    with process(emulator.url) as (child, url):
        reply = httpx.post(f"{url}/v1/chat/completions", json=chat(), headers={"api-key": KEY})
        assert reply.status_code == 200
        child.send_signal(number)
        code, output = ended(child)
    assert code == 0
    assert "Traceback" not in output
    assert '"event":"usage"' in output
    assert KEY not in output


def test_a_stream_under_way_is_finished_after_sigterm(emulator: Emulator) -> None:
    body = chat("x [[emulate: delay=0.03 tokens=30]]", stream=True)
    with (
        process(emulator.url) as (child, url),
        httpx.stream("POST", f"{url}/v1/chat/completions", json=body, headers={"api-key": KEY}) as reply,
    ):
        pieces = reply.iter_text()
        received = next(pieces)
        child.send_signal(signal.SIGTERM)
        received += "".join(pieces)
        assert frames(received)[-1] == "[DONE]"
        code, output = ended(child)
    assert code == 0
    assert '"outcome":"ok"' in output


def test_a_stream_that_outlives_the_grace_ends_with_an_error(emulator: Emulator) -> None:
    body = chat("one two three [[emulate: hang after=2]]", stream=True)
    with serving(emulator.url, grace=1) as gateway, gateway.client() as client:
        with client.stream("POST", "/v1/chat/completions", json=body) as reply:
            pieces = reply.iter_text()
            received = next(pieces)
            gateway.stop()
            received += "".join(pieces)
        *chunks, last = frames(received)
        assert last["error"]["code"] == "shutting_down"
        assert all(choice["finish_reason"] is None for chunk in chunks for choice in chunk["choices"])
        (record,) = gateway.records()
    assert (record.outcome, record.status, record.error_code) == ("error", 200, "shutting_down")
    assert record.estimated
    assert emulator.requests[0].wait()
    assert emulator.requests[0].hung_up


HANGING = """
import asyncio, sys, time
from app import serve
from app.main import create_app
serve.GRACE, serve.LAST = 0, 1.0

def make(settings):
    app = create_app(settings)
    async def hanging(scope, receive, send):
        if scope["type"] == "http":
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
        await app(scope, receive, send)
    return hanging

sys.exit(serve.main(make))
"""


def test_a_thread_that_hangs_does_not_keep_a_process_from_ending(emulator: Emulator) -> None:
    with process(emulator.url, program=HANGING) as (child, url):
        assert httpx.get(f"{url}/health").status_code == 200
        child.send_signal(signal.SIGTERM)
        code, output = ended(child)
    assert code == 1
    assert "A thread did not end in time" in output


WHOLE: dict[str, tuple[str, dict[str, Any], int]] = {
    "chat": ("/v1/chat/completions", chat("Hello [[emulate: hang]]"), 503),
    "chat-stream": ("/v1/chat/completions", chat("Hello [[emulate: hang]]", stream=True), 503),
    "choices": ("/v1/chat/completions", chat("Hello [[emulate: hang]]", n=2), 503),
    "legacy": ("/v1/completions", {"model": NOVA, "prompt": "Hello [[emulate: hang]]"}, 503),
    "responses": ("/v1/responses", {"model": NOVA, "input": "Hello [[emulate: hang]]"}, 503),
    "embeddings": ("/v1/embeddings", {"model": TITAN, "input": "Hello [[emulate: hang]]"}, 503),
    "messages": ("/v1/messages", chat("Hello [[emulate: hang]]", max_tokens=100), 529),
}


@pytest.mark.parametrize(("path", "body", "status"), WHOLE.values(), ids=WHOLE)
def test_a_request_that_outlives_the_grace_without_an_answer_gets_shutting_down(
    emulator: Emulator, path: str, body: dict[str, Any], status: int
) -> None:
    """Anthropic's API says 529 `overloaded_error` where others say 503."""
    with serving(emulator.url, grace=1, table=MemoryTable()) as gateway, gateway.client() as client:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(client.post(path, json=body)))
        asking.start()
        eventually(lambda: emulator.requests, "Bedrock is asked")
        gateway.stop()
        asking.join()
        (answer,) = answers
        (record,) = gateway.records()
    assert answer.status_code == status
    told = answer.json()
    error = told["error"]
    assert (error["type"] == "overloaded_error") if status == 529 else (error["code"] == "shutting_down")
    assert answer.headers["x-request-id"] == (told if status == 529 else error)["request_id"]
    assert (record.outcome, record.status, record.error_code) == ("error", 503, "shutting_down")
    assert record.estimated
    assert record.usage.prompt > 0
    assert record.cost.total > 0


def refusal(**settings: str) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, "-m", "app.serve"], cwd=ROOT, env=BARE | settings, capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize("settings", [{}, {"API_KEY": ""}, {"API_KEY": "  "}])
def test_without_a_key_it_says_which_variables_to_set(settings: dict[str, str]) -> None:
    code, output = refusal(**settings)
    assert code == 2
    assert {"API_KEY", "API_KEY_SECRET_ARN", "API_KEY_PARAM_NAME"} <= set(re.findall(r"[A-Z_]{7,}", output))
    assert "Traceback" not in output


@pytest.mark.parametrize("name", ["PORT", "DEBUG", "ON_DISCONNECT", "READ_TIMEOUT", "API_ROUTE_PREFIX", "LOG_LEVEL"])
def test_a_bad_setting_is_named_and_its_value_is_not(name: str) -> None:
    code, output = refusal(API_KEY="sk-hidden", **{name: "secret value"})
    assert code == 2
    assert name in output
    assert "secret value" not in output
    assert "sk-hidden" not in output
    assert "Traceback" not in output


def test_a_taken_port_is_told(emulator: Emulator) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        code, output = refusal(API_KEY=KEY, PORT=str(taken.getsockname()[1]))
    assert code not in (0, 2)
    assert "address already in use" in output
    assert "Traceback" not in output


def test_debug_output_of_the_libraries_stays_off(emulator: Emulator) -> None:
    """At debug, botocore and urllib3 print keys, signatures and bodies."""
    settings: dict[str, Any] = {"LOG_LEVEL": "DEBUG", "DEBUG": "true"}
    with process(emulator.url, **settings) as (child, url):
        headers = {"api-key": KEY}
        assert httpx.post(f"{url}/v1/chat/completions", json=chat("hush-hush"), headers=headers).status_code == 200
        assert (
            httpx.get(f"{url}/v1/models/arn:aws:bedrock:us-east-1:123456789012:x/y", headers=headers).status_code == 404
        )
        assert httpx.get(f"{url}/v1/models", headers=headers).status_code == 200
        child.send_signal(signal.SIGTERM)
        code, output = ended(child)
    assert code == 0
    assert '"event":"request"' in output
    for secret in ("hush-hush", KEY, "AKIA", "AWS4-HMAC-SHA256", "wire-secret-access-key", "123456789012"):
        assert secret not in output


def test_health_answers_soon_after_the_start(emulator: Emulator) -> None:
    begun = time.perf_counter()
    with process("http://127.0.0.1:9"):
        assert time.perf_counter() - begun < START_LIMIT
