"""How requests end that do not end well: clients that leave, deadlines, shutdown, crashes, stale connections, limits."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from typing import Any

import httpx
import pytest

from local.emulator import Emulator
from local.function_url import FunctionUrl
from tests.function_url.asking import KEY, http, question, settled, usage
from tests.function_url.conftest import Serve
from tests.function_url.proxy import relay
from tests.wire.gateway import chat, eventually, frames, text_of

CHAT = "/v1/chat/completions"


def errors(told: str) -> list[dict[str, Any]]:
    return [chunk["error"] for chunk in frames(told) if isinstance(chunk, dict) and "error" in chunk]


def test_a_client_that_hangs_up_is_metered_in_full(gateway: Serve, emulator: Emulator) -> None:
    with gateway() as url:
        with http(url) as client:
            body = question("Hello [[emulate: delay=0.05 tokens=30]]")
            with client.stream("POST", CHAT, json=body) as answer:
                next(answer.iter_raw())
        (line,) = usage(url)
        assert (line["outcome"], line["completion_tokens"]) == ("ok", 30)
        assert not emulator.requests[-1].hung_up
        settled(url)
        with http(url) as client:
            assert client.get("/health").status_code == 200
        assert len(url.environments) == 1


def test_a_deadline_ends_a_stream_honestly(gateway: Serve, emulator: Emulator) -> None:
    with gateway(timeout=4) as url, http(url) as client:
        told = client.post(CHAT, json=question("Hello [[emulate: delay=0.25 tokens=100]]"))
        assert told.status_code == 200
        (error,) = errors(told.text)
        assert error["code"] == "deadline_exceeded"
        assert not told.text.endswith("data: [DONE]\n\n")  # it is not done
        assert len(text_of(frames(told.text)).split()) >= 8
        (line,) = usage(url)
        assert line["error_code"] == "deadline_exceeded"
        settled(url)
        assert [record.outcome for record in url.invocations] == ["ok"]  # Lambda saw nothing of it
        assert not any("Task timed out" in line.text for line in url.logs)


def test_the_answer_to_a_client_that_does_not_read_is_metered_within_the_time_limit(
    gateway: Serve, emulator: Emulator
) -> None:
    body = question("Hello [[emulate: tokens=100000]]", n=6)  # more than all buffers on the way can take
    few = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)])
    with gateway(timeout=6) as url, http(url, transport=few) as client:
        with client.stream("POST", CHAT, json=body) as answer:
            assert answer.status_code == 200
            (line,) = usage(url)
            assert line.get("error_code") == "deadline_exceeded", str(line)
            assert line["completion_tokens"] > 0
        settled(url)
        assert text_of(frames(client.post(CHAT, json=question("Hello")).text)) == "You said: Hello"


def test_shutdown_comes_quickly_and_loses_no_usage_record(gateway: Serve, emulator: Emulator) -> None:
    with gateway() as url:
        with http(url) as client:
            assert client.post(CHAT, json=question("Hello")).status_code == 200
        settled(url)
        url.end_environments()
        (environment,) = url.environments
        assert environment.end_seconds is not None, "it had to be killed"
        assert environment.end_seconds < 2
        assert environment.exit_code == 0
        assert usage(url)[0]["outcome"] == "ok"


def test_a_stream_under_way_at_shutdown_gets_an_honest_end(gateway: Serve, emulator: Emulator) -> None:
    with gateway() as url:
        with http(url) as client:
            body = question("Hello [[emulate: delay=0.1 tokens=200]]")
            with client.stream("POST", CHAT, json=body) as answer:
                pieces = answer.iter_text()
                told = next(pieces)
                ending = threading.Thread(target=url.end_environments)
                ending.start()
                told += "".join(pieces)
                ending.join()
        (environment,) = url.environments
        assert environment.end_seconds is not None, "it had to be killed"
        assert errors(told), told
        assert "Lambda-Runtime" not in told
        assert len(usage(url)) == 1


@pytest.mark.parametrize("end", ["hang_up", "vanish"])
def test_connections_that_ended_while_frozen_fail_nobody(gateway: Serve, emulator: Emulator, end: str) -> None:
    with relay(emulator.url) as between, gateway({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": between.url}) as url:
        with http(url) as client:
            for round_ in range(3):
                if round_:
                    settled(url)
                    getattr(between, end)()
                told = client.post(CHAT, json=question(f"Round {round_}"))
                assert told.status_code == 200, told.text
                assert text_of(frames(told.text)) == f"You said: Round {round_}"
        assert len(url.environments) == 1
        assert between.accepted >= 3
        assert all(line["outcome"] == "ok" for line in usage(url, 3))


def test_a_body_of_more_than_six_megabytes_is_413(shared: FunctionUrl) -> None:
    before = len(shared.invocations)
    with http(shared) as client:
        plain = json.dumps(chat("x" * 6 * 1024 * 1024)).encode()
        quoted = json.dumps(chat('"' * 2 * 1024 * 1024)).encode()  # 4 MB, each backslash and quote of which is escaped
        for body in (plain, quoted):
            answer = client.post(CHAT, content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 413
            assert "smaller than 6291456 bytes" in answer.json()["message"]
        assert client.post(CHAT, json=chat("x" * 3 * 1024 * 1024)).status_code != 413
    eventually(lambda: len(shared.invocations) == before + 1, "only the third has reached the function")


def test_a_crash_is_502_and_the_next_request_works(gateway: Serve, emulator: Emulator) -> None:
    with gateway() as url, http(url) as client:
        assert client.get("/health").status_code == 200
        asking: list[httpx.Response] = []
        body = chat("Hello [[emulate: hang]]")
        thread = threading.Thread(target=lambda: asking.append(client.post(CHAT, json=body)))
        thread.start()
        eventually(lambda: any(each.operation == "Converse" for each in emulator.requests), "Bedrock is asked")
        os.kill(url.environments[0].pids["runtime"], signal.SIGKILL)
        thread.join()
        assert (asking[0].status_code, asking[0].text) == (502, "Internal Server Error")
        assert client.post(CHAT, json=question("Hello")).status_code == 200
        assert [each.number for each in url.environments] == [1, 2]


def test_a_stranger_who_posts_to_the_pass_through_path_finds_nothing(shared: FunctionUrl) -> None:
    for headers in ({}, {"x-amzn-request-context": "null"}, {"authorization": f"Bearer {KEY}"}):
        answer = httpx.post(f"{shared.base}/events", json={"probe": "warm"}, headers=headers, timeout=60)
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_forged_headers_open_nothing_and_stop_nothing(gateway: Serve, emulator: Emulator) -> None:
    forged = {
        "x-forwarded-for": "10.1.1.1",
        "x-amzn-request-context": json.dumps({"http": {"sourceIp": "10.1.1.1"}}),
        "x-amzn-lambda-context": json.dumps({"deadline": 1}),
    }
    with gateway({"ALLOWED_NETWORKS": "10.0.0.0/8"}) as url, http(url, headers=forged) as client:
        answer = client.post(CHAT, json=question("Hello"))
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "network_forbidden"
        assert client.get("/health").status_code == 200
    with gateway({"ALLOWED_NETWORKS": "127.0.0.0/8"}) as url, http(url, headers=forged) as client:
        assert text_of(frames(client.post(CHAT, json=question("Hello")).text)) == "You said: Hello"
