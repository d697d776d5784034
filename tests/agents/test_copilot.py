"""Copilot CLI with a provider of its own (BYOK), as docs/agents.md configures it: Responses, chat completions or Messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from local.emulator import Emulator
from tests.agents.conftest import Outside, Place, program, told
from tests.agents.programs import Done, run
from tests.agents.scripted import Call, answer, asked, results
from tests.wire.gateway import KEY, Gateway

ENDPOINTS = {"responses": "responses", "completions": "chat.completions", "anthropic": "messages"}
OPTIONS = ("--allow-all-tools", "--no-color", "--no-auto-update", "--no-custom-instructions")


@pytest.fixture(scope="session")
def copilot() -> Path:
    return program("copilot")


def execute(copilot: Path, place: Place, url: str, prompt: str, wire: str = "responses", **variables: str) -> Done:
    """`copilot -p`, which prints its answer."""
    exported = re.findall(r"^export (\w+)=(\S+)$", told("Copilot CLI", "bash", url), re.MULTILINE)
    named = {name: KEY if value == "$OPENAI_API_KEY" else value for name, value in exported}
    if wire == "anthropic":
        del named["COPILOT_PROVIDER_WIRE_API"]
        named |= {"COPILOT_PROVIDER_TYPE": "anthropic", "COPILOT_PROVIDER_BASE_URL": url}
    else:
        named["COPILOT_PROVIDER_WIRE_API"] = wire
    given = place.variables | named | variables
    return run(copilot, "-p", prompt, *OPTIONS, home=place.home, folder=place.folder, **given)


@pytest.mark.parametrize("wire", ENDPOINTS)
def test_a_tool_loop(
    copilot: Path, place: Place, gateway: Gateway, emulator: Emulator, outside: Outside, wire: str
) -> None:
    notes = str(place.folder / "notes.txt")
    emulator.script(
        answer("Reading.", Call("view", {"path": notes})),
        answer(Call("bash", {"command": "printf made > made.txt", "description": "Makes a file", "mode": "sync"})),
        answer(Call("edit", {"path": notes, "old_str": "42", "new_str": "43"})),
        answer("All well."),
    )
    done = execute(copilot, place, gateway.url, "Correct my notes.", wire)
    assert done.code == 0, done.said()
    assert (place.folder / "notes.txt").read_text() == "a needle in 43 haystacks\n"
    assert (place.folder / "made.txt").read_text() == "made"
    assert "All well." in done.out
    assert "a needle in 42 haystacks" in results(asked(emulator)[1])[0]
    assert {record.call.endpoint for record in gateway.meter.records} == {ENDPOINTS[wire]}
    assert outside.wanted == []  # COPILOT_OFFLINE keeps it from asking GitHub


def test_a_greeting_over_the_emulator_executes_nothing(
    copilot: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    done = execute(copilot, place, gateway.url, "Hello")
    assert done.code == 0, done.said()
    assert "Hello" in done.out
    assert results(asked(emulator)[-1]) == []


@pytest.mark.parametrize("wire", ENDPOINTS)
def test_a_stream_that_breaks_is_asked_for_again(
    copilot: Path, place: Place, gateway: Gateway, emulator: Emulator, wire: str
) -> None:
    emulator.script(
        answer("Half an ans", cut=True),
        answer(Call("bash", {"command": "echo once >> once.txt", "description": "Notes it", "mode": "sync"}), cut=True),
        answer(Call("bash", {"command": "echo once >> once.txt", "description": "Notes it", "mode": "sync"})),
        answer("Recovered."),
    )
    done = execute(copilot, place, gateway.url, "Go on.", wire)
    assert done.code == 0, done.said()
    assert "Recovered." in done.out
    assert (place.folder / "once.txt").read_text() == "once\n"
    assert len(asked(emulator)) == 4


def test_a_wrong_key_is_named_as_the_cause(copilot: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    done = execute(copilot, place, gateway.url, "Hello", COPILOT_PROVIDER_API_KEY="wrong")
    assert done.code != 0
    assert "Authentication failed" in done.out + done.err
    assert asked(emulator) == []


def test_an_exhausted_budget_ends_it(
    copilot: Path, place: Place, emulator: Emulator, poor: Callable[[], AbstractContextManager[Gateway]]
) -> None:
    with poor() as gateway:
        done = execute(copilot, place, gateway.url, "Hello")
    assert done.code != 0
    assert "limit per month" in done.out + done.err, done.said()
    assert done.seconds < 30
    assert asked(emulator) == []
