"""aider, as docs/agents.md configures it: chat completions by litellm. It edits by blocks in the text and calls no tools."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from local.emulator import Emulator
from tests.agents.conftest import Outside, Place, program, told
from tests.agents.programs import Done, run
from tests.agents.scripted import answer, asked
from tests.wire.gateway import KEY, Gateway

QUIET = (
    "--yes-always",
    "--no-check-update",
    "--analytics-disable",
    "--no-git",
    "--no-pretty",
    "--no-show-model-warnings",
)
EDIT = "notes.txt\n```\n<<<<<<< SEARCH\na needle in 42 haystacks\n=======\na needle in 43 haystacks\n>>>>>>> REPLACE\n```\n"


@pytest.fixture(scope="session")
def aider() -> Path:
    return program("aider")


def execute(aider: Path, place: Place, url: str, prompt: str, *options: str, key: str = KEY) -> Done:
    """`aider --message`, which prints its answer."""
    code = told("aider", "bash", url)
    exported = dict(re.findall(r"^export (\w+)=(\S+)$", code, re.MULTILINE))
    name, *model = shlex.split(code.splitlines()[-1])
    assert name == "aider"
    given = place.variables | exported | {"OPENAI_API_KEY": key}
    fixed = (*model, *QUIET, "--edit-format", "diff", "--message", prompt)
    return run(aider, *fixed, *options, "notes.txt", home=place.home, folder=place.folder, **given)


@pytest.mark.parametrize("options", [(), ("--no-stream",)], ids=["streamed", "whole"])
def test_edits_a_file(
    aider: Path, place: Place, gateway: Gateway, emulator: Emulator, outside: Outside, options: tuple[str, ...]
) -> None:
    scripted = answer(EDIT)
    if options:
        usage = {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110}
        message = {"role": "assistant", "content": [{"text": EDIT}]}
        body = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 5}}
        scripted = {"operation": "Converse", "body": body}
    emulator.script(scripted)
    done = execute(aider, place, gateway.url, "Correct my notes.", *options)
    assert done.code == 0, done.said()
    assert (place.folder / "notes.txt").read_text() == "a needle in 43 haystacks\n"
    assert {record.call.endpoint for record in gateway.meter.records} == {"chat.completions"}
    # litellm asks for its newest list of prices and does without.
    assert all(line.startswith("CONNECT raw.githubusercontent.com") for line in outside.wanted)


def test_a_stream_that_breaks_is_asked_for_again(
    aider: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    emulator.script(answer(EDIT, cut=True), answer(EDIT))
    done = execute(aider, place, gateway.url, "Correct my notes.")
    assert done.code == 0, done.said()
    assert "The connection to Bedrock broke off." in re.sub(r"\s+", " ", done.out)
    assert (place.folder / "notes.txt").read_text() == "a needle in 43 haystacks\n"
    assert len(asked(emulator)) == 2


def test_a_wrong_key_is_named_as_the_cause(aider: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    done = execute(aider, place, gateway.url, "Correct my notes.", key="wrong")
    assert "AuthenticationError" in done.out + done.err, done.said()
    assert asked(emulator) == []


def test_a_context_overflow_is_recognized(aider: Path, place: Place, gateway: Gateway) -> None:
    done = execute(aider, place, gateway.url, "Correct my notes. [[emulate: context-overflow]]")
    assert "token limit" in re.sub(r"\s+", " ", done.out + done.err), done.said()
    assert (place.folder / "notes.txt").read_text() == "a needle in 42 haystacks\n"
