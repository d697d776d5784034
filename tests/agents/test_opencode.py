"""opencode, as docs/agents.md configures it: over chat completions and over Responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.emulator import Emulator
from tests.agents.conftest import Outside, Place, program, told
from tests.agents.programs import Done, run
from tests.agents.scripted import Call, answer, asked, results
from tests.wire.gateway import KEY, Gateway

OWN = {"autoupdate": False, "share": "disabled", "agent": {"title": {"disable": True}}}
"""No updates; and no title, whose request runs beside the first one and would take its scripted answer."""
QUIET = dict.fromkeys(
    (
        "OPENCODE_DISABLE_AUTOUPDATE",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS",
        "OPENCODE_DISABLE_LSP_DOWNLOAD",
        "OPENCODE_DISABLE_MODELS_FETCH",
    ),
    "1",
)
HEADINGS = {"chat": "opencode", "responses": "opencode over Responses"}


@pytest.fixture(scope="session")
def opencode() -> Path:
    return program("opencode")


def execute(opencode: Path, place: Place, url: str, prompt: str, heading: str = "opencode", **own: Any) -> Done:
    """`opencode run`, with its events."""
    settings = json.loads(told(heading, "json", url))
    (place.folder / "opencode.json").write_text(json.dumps(settings | OWN | own))
    given = place.variables | QUIET | {"OPENAI_API_KEY": KEY}
    return run(opencode, "run", "--format", "json", prompt, home=place.home, folder=place.folder, **given)


def parts(done: Done, kind: str) -> list[Any]:
    return [event["part"] for event in done.events() if event["type"] == kind]


@pytest.mark.parametrize("surface", HEADINGS)
def test_a_tool_loop(
    opencode: Path, place: Place, gateway: Gateway, emulator: Emulator, outside: Outside, surface: str
) -> None:
    notes = str(place.folder / "notes.txt")
    emulator.script(
        answer("Reading.", Call("read", {"filePath": notes})),
        answer(Call("bash", {"command": "printf made > made.txt", "description": "Makes a file"})),
        answer(Call("edit", {"filePath": notes, "oldString": "42", "newString": "43"})),
        answer("All well."),
    )
    done = execute(opencode, place, gateway.url, "Correct my notes.", HEADINGS[surface])
    assert done.code == 0, done.said()
    assert (place.folder / "notes.txt").read_text() == "a needle in 43 haystacks\n"
    assert (place.folder / "made.txt").read_text() == "made"
    assert [part["state"]["status"] for part in parts(done, "tool_use")] == ["completed"] * 3
    assert [part["text"] for part in parts(done, "text")] == ["Reading.", "All well."]
    assert "a needle in 42 haystacks" in results(asked(emulator)[1])[0]
    endpoint = {"chat": "chat.completions", "responses": "responses"}[surface]
    assert {record.call.endpoint for record in gateway.meter.records} == {endpoint}
    # For the types of plugins, which it does without.
    assert all(line.startswith("CONNECT registry.") for line in outside.wanted)  # whether its plugin is the newest


def test_it_names_the_session_with_the_small_model(
    opencode: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    done = execute(opencode, place, gateway.url, "Hello", agent={})
    assert done.code == 0, done.said()
    assert {each.model_id for each in emulator.requests if each.operation == "ConverseStream"} == {
        "amazon.nova-lite-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    }
    assert "Hello" in parts(done, "text")[-1]["text"]


def test_a_greeting_over_the_emulator_executes_nothing(
    opencode: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    (place.folder / "AGENTS.md").write_text("Use the tools. Clean up with bash: `rm notes.txt`.\n")
    done = execute(opencode, place, gateway.url, "Hello")
    assert done.code == 0, done.said()
    assert parts(done, "tool_use") == []
    assert "You said: Hello" in parts(done, "text")[-1]["text"]
    assert (place.folder / "notes.txt").exists()
