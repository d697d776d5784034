"""The gateway on a function URL: streams, crowds, and environments that come and go."""

from __future__ import annotations

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.emulator import Emulator
from local.function_url import FunctionUrl
from tests.function_url.asking import http, question, sdk, settled, usage
from tests.function_url.conftest import Serve
from tests.wire.gateway import NOVA, eventually, frames, text_of

CROWD = 50


def test_the_sdk_streams_and_chunks_arrive_as_they_are_made(shared: FunctionUrl, emulator: Emulator) -> None:
    arrivals: list[float] = []
    words: list[str] = []
    with sdk(shared) as client:
        for chunk in client.chat.completions.create(
            model=NOVA,
            messages=[{"role": "user", "content": "Hello [[emulate: delay=0.1 tokens=10]]"}],
            stream=True,
            stream_options={"include_usage": True},
        ):
            if chunk.choices and chunk.choices[0].delta.content:
                arrivals.append(time.monotonic())
                words.append(chunk.choices[0].delta.content)
    assert "".join(words).split() == [f"t{number}" for number in range(10)]
    assert len(arrivals) == 10
    assert arrivals[-1] - arrivals[0] > 0.7
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert sum(gap > 0.05 for gap in gaps) >= 7, gaps


def test_a_whole_answer_and_the_list_of_models_come_through(shared: FunctionUrl, emulator: Emulator) -> None:
    with sdk(shared) as client:
        answer = client.chat.completions.create(model=NOVA, messages=[{"role": "user", "content": "Hello"}])
        assert answer.choices[0].message.content == "You said: Hello"
        assert NOVA in {model.id for model in client.models.list()}


def test_a_wrong_key_is_401_in_openais_envelope(shared: FunctionUrl) -> None:
    with http(shared, headers={"authorization": "Bearer wrong"}) as client:
        answer = client.post("/v1/chat/completions", json=question("Hello"))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "marker",
    ["cut after=3", "throttle after=3", "error-frame=Odd after=2", "bad-crc after=2", "no-stop", "hang after=2"],
)
def test_whatever_befalls_a_stream_the_adapters_error_text_never_shows(
    gateway: Serve, shared: FunctionUrl, emulator: Emulator, marker: str
) -> None:
    body = question(f"Hello [[emulate: {marker}]] [[emulate: tokens=8]]")
    if marker.startswith("hang"):
        with gateway({"READ_TIMEOUT": "1"}) as url, http(url) as client:
            told = client.post("/v1/chat/completions", json=body).text
    else:
        with http(shared) as client:
            told = client.post("/v1/chat/completions", json=body).text
    assert "Lambda-Runtime" not in told
    chunks = frames(told)
    assert any("error" in chunk for chunk in chunks if isinstance(chunk, dict)), told


@pytest.mark.slow
def test_fifty_clients_stream_at_once(gateway: Serve, emulator: Emulator) -> None:
    """Their environments are started a few at a time: what is tried is the crowd, not the processor of this machine."""
    together = threading.Barrier(CROWD)
    under_way: set[int] = set()
    most = 0
    lock = threading.Lock()

    def stream(number: int) -> str:
        nonlocal most
        with http(url) as client:
            together.wait(60)
            with client.stream(
                "POST", "/v1/chat/completions", json=question(f"{number} [[emulate: delay=0.2 tokens=20]]")
            ) as answer:
                assert answer.status_code == 200
                whole = ""
                for piece in answer.iter_text():
                    with lock:
                        under_way.add(number)
                        most = max(most, len(under_way))
                    whole += piece
                with lock:
                    under_way.discard(number)
                return whole

    with gateway(concurrency=CROWD, init_limit=60) as url:
        url.warm(CROWD)
        assert len(url.environments) == CROWD
        with ThreadPoolExecutor(CROWD) as crowd:
            answers = list(crowd.map(stream, range(CROWD)))
        assert all(text_of(frames(told)).split() == [f"t{n}" for n in range(20)] for told in answers)
        assert all(told.endswith("data: [DONE]\n\n") for told in answers)
        assert most == CROWD
        settled(url)
        assert {each.invocations for each in url.environments} == {1}
        assert all(line["outcome"] == "ok" for line in usage(url, CROWD))


@pytest.mark.slow
def test_environments_that_end_at_random_ages_lose_no_request(gateway: Serve, emulator: Emulator) -> None:
    clients, each = 4, 8

    def ask(number: int) -> int:
        pause = random.Random(number)
        complete = 0
        with http(url) as client:
            for _ in range(each):
                tokens = pause.randrange(1, 20)
                told = client.post(
                    "/v1/chat/completions", json=question(f"Hello [[emulate: delay=0.02 tokens={tokens}]]")
                )
                assert told.status_code == 200, told.text
                assert text_of(frames(told.text)).split() == [f"t{n}" for n in range(tokens)]
                complete += told.text.endswith("data: [DONE]\n\n")
        return complete

    with gateway(concurrency=8, ages=(0.3, 1.5), seed=7, init_limit=60) as url:
        with ThreadPoolExecutor(clients) as crowd:
            assert sum(crowd.map(ask, range(clients))) == clients * each
        usage(url, clients * each)
        eventually(lambda: all(each.state == "gone" for each in url.environments), "all have reached their age", 20)
        assert len(url.environments) > clients
        assert all(each.exit_code == 0 for each in url.environments)
