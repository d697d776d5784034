"""The newest candidate of the adapter in the crate registry: what the template's newer layer shares with it, and 0.9.1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.emulator import Emulator
from local.family import Failed
from local.function_url import FunctionUrl, adapter
from tests.function_url.asking import http, question, sdk, usage
from tests.function_url.conftest import variables
from tests.wire.gateway import NOVA, frames, text_of

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def newer() -> Path:
    try:
        return adapter.find_or_build({**os.environ, "LWA_VERSION": adapter.CANDIDATE})
    except Failed as problem:
        pytest.skip(f"NOT TESTED, the adapter's newest candidate: {problem}")


@pytest.fixture(scope="module")
def url(newer: Path, staged: Path, running_emulator: Emulator) -> Iterator[FunctionUrl]:
    with FunctionUrl(staged, variables(running_emulator.url), adapter=newer) as url:
        yield url


def test_the_candidate_serves_streams_whole_answers_and_errors(url: FunctionUrl, emulator: Emulator) -> None:
    with http(url) as client:
        streamed = client.post(CHAT, json=question("Hello"))
        assert text_of(frames(streamed.text)) == "You said: Hello"
        assert client.get("/v1/nothing").status_code == 404
    whole = sdk(url).chat.completions.create(model=NOVA, messages=[{"role": "user", "content": "Hi"}])
    assert whole.choices[0].message.content == "You said: Hi"
    usage(url, 2)
    assert len(url.environments) == 1


def test_the_candidate_hides_the_pass_through_path(url: FunctionUrl) -> None:
    with http(url) as client:
        assert client.post("/events", json={"probe": "warm"}).status_code == 404
