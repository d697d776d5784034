"""Cline's command line with an OpenAI-compatible provider, as docs/agents.md configures it: chat completions."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from local.emulator import Emulator
from tests.agents.conftest import Place, program, told
from tests.agents.programs import Done, run
from tests.agents.scripted import Call, answer, asked, results
from tests.wire.gateway import KEY, Gateway


@pytest.fixture(scope="session")
def cline() -> Path:
    return program("cline")


def execute(cline: Path, place: Place, url: str, prompt: str, key: str = KEY) -> Done:
    """`cline auth`, then `cline --json` with its events."""
    commands = told("Cline", "bash", url).splitlines()
    name, *setup = shlex.split(commands[0])
    assert name == "cline"
    setup = [key if word == "$OPENAI_API_KEY" else word for word in setup]
    given: dict[str, Any] = {"home": place.home, "folder": place.folder, **place.variables}
    configured = run(cline, *setup, **given)
    assert configured.code == 0, configured.said()
    return run(cline, "--json", prompt, **given)


def result(done: Done) -> Any:
    (found,) = [event for event in done.events() if event["type"] == "run_result"]
    return found


def test_a_tool_loop(cline: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    notes = str(place.folder / "notes.txt")
    emulator.script(
        answer("Reading.", Call("read_files", {"files": [{"path": notes}]})),
        answer(Call("run_commands", {"commands": ["printf made > made.txt"]})),
        answer(Call("editor", {"path": notes, "old_text": "42", "new_text": "43"})),
        answer("All well."),
    )
    done = execute(cline, place, gateway.url, "Correct my notes.")
    assert done.code == 0, done.said()
    assert (result(done)["finishReason"], result(done)["text"]) == ("completed", "All well.")
    assert (place.folder / "notes.txt").read_text() == "a needle in 43 haystacks\n"
    assert (place.folder / "made.txt").read_text() == "made"
    assert "a needle in 42 haystacks" in results(asked(emulator)[1])[0]
    assert {record.call.endpoint for record in gateway.meter.records} == {"chat.completions"}


def test_a_greeting_over_the_emulator_executes_nothing(
    cline: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    done = execute(cline, place, gateway.url, "Say hello")
    assert done.code == 0, done.said()
    assert result(done)["text"] == "You said: Say hello"
    assert results(asked(emulator)[-1]) == []


@pytest.mark.parametrize("marker", ["cut after=2", "throttle after=2"])
def test_a_stream_that_breaks_is_an_error(
    cline: Path, place: Place, gateway: Gateway, emulator: Emulator, marker: str
) -> None:
    done = execute(cline, place, gateway.url, f"one two three [[emulate: {marker}]]")
    assert done.code != 0
    assert result(done)["finishReason"] == "error"
    assert result(done)["text"] in (
        "The connection to Bedrock broke off.",
        "Too many requests, please wait before trying again.",
    )


def test_a_wrong_key_is_named_as_the_cause(cline: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    done = execute(cline, place, gateway.url, "Say hello", key="wrong")
    assert done.code != 0
    assert (result(done)["finishReason"], result(done)["text"]) == ("error", "Incorrect API key provided.")
    assert asked(emulator) == []
