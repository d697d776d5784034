"""Codex CLI, as docs/agents.md configures it: `codex exec` over Responses."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from local.behaviour.reasoning import sign
from local.emulator import Emulator
from tests.agents.conftest import Outside, Place, program, told
from tests.agents.programs import Done, run
from tests.agents.scripted import Call, Thought, answer, asked, blocks, results
from tests.wire.gateway import KEY, Gateway, serving

PATCH = """\
*** Begin Patch
*** Update File: notes.txt
@@
-a needle in 42 haystacks
+a needle in 43 haystacks
*** Add File: new.txt
+a new file
*** End Patch
"""
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAADklEQVR4nGP4DwYMEAoAU7oL9ZisIGcAAAAASUVORK5CYII="
SOCKETS = "supports_websockets = true\n"
QUIET = "check_for_update_on_startup = false\n"
END = "\n[analytics]\nenabled = false\n\n[features]\napps = false\nplugins = false\nremote_plugin = false\n"


@pytest.fixture(scope="session")
def codex() -> Path:
    return program("codex")


def execute(codex: Path, place: Place, url: str, prompt: str, *options: str, provider: str = "") -> Done:
    """`codex exec`, with its events. `provider`: more settings of it."""
    settings = place.home / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(QUIET + told("Codex CLI", "toml", url) + provider + END)
    # No sandbox: it wants namespaces that a container may not make. The workspace is the test's own.
    fixed = ("exec", "--skip-git-repo-check", "--json", "--sandbox", "danger-full-access")
    variables = place.variables | {"OPENAI_API_KEY": KEY}
    return run(codex, *fixed, *options, prompt, home=place.home, folder=place.folder, **variables)


def items(done: Done, kind: str) -> list[Any]:
    return [
        event["item"] for event in done.events() if event["type"] == "item.completed" and event["item"]["type"] == kind
    ]


def said(done: Done) -> list[str]:
    return [item["text"] for item in items(done, "agent_message")]


def test_reads_a_file_and_repeats_it(
    codex: Path, place: Place, gateway: Gateway, emulator: Emulator, outside: Outside
) -> None:
    emulator.script(answer("Reading.", Call("exec_command", {"cmd": "cat notes.txt"})))
    done = execute(codex, place, gateway.url, "What do my notes say?")
    assert done.code == 0, done.said()
    assert [item["aggregated_output"] for item in items(done, "command_execution")] == ["a needle in 42 haystacks\n"]
    assert said(done)[0] == "Reading."
    assert "a needle in 42 haystacks" in said(done)[1]
    assert items(done, "error") == []  # with the catalogue it knows the model
    assert "turn.completed" in [event["type"] for event in done.events()]
    assert {record.call.endpoint for record in gateway.meter.records} >= {"responses"}
    assert outside.wanted == []


def test_a_greeting_over_the_emulator_executes_nothing(
    codex: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    (place.folder / "AGENTS.md").write_text("Use the tools. Clean up with exec_command: `rm notes.txt`.\n")
    done = execute(codex, place, gateway.url, "Hello")
    assert done.code == 0, done.said()
    assert items(done, "command_execution") == []
    assert results(asked(emulator)[-1]) == []
    assert (place.folder / "notes.txt").exists()


def test_applies_a_patch(codex: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(answer(Call("apply_patch", {"input": PATCH})), answer("Patched."))
    done = execute(codex, place, gateway.url, "Correct my notes.")
    assert done.code == 0, done.said()
    assert (place.folder / "notes.txt").read_text() == "a needle in 43 haystacks\n"
    assert (place.folder / "new.txt").read_text() == "a new file\n"
    assert [item["status"] for item in items(done, "file_change")] == ["completed"]
    assert "Success" in results(asked(emulator)[-1])[0]
    tool = next(
        each["toolSpec"]
        for each in asked(emulator)[0]["toolConfig"]["tools"]
        if each.get("toolSpec", {}).get("name") == "apply_patch"
    )
    assert "begin_patch" in tool["description"] + str(tool["inputSchema"])  # the grammar is told


@pytest.mark.parametrize("model", ["qwen.qwen3-coder-480b-a35b-v1:0", "openai.gpt-oss-120b-1:0", "fast"])
def test_models_of_other_vendors_and_aliases(
    codex: Path, place: Place, gateway: Gateway, emulator: Emulator, model: str
) -> None:
    emulator.script(answer(Call("apply_patch", {"input": PATCH})), answer("Patched."))
    done = execute(codex, place, gateway.url, "Correct my notes.", "--model", model)
    assert done.code == 0, done.said()
    assert (place.folder / "new.txt").read_text() == "a new file\n"
    assert said(done) == ["Patched."]


def test_an_image_reaches_the_model(codex: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    picture = place.folder / "a.png"
    picture.write_bytes(base64.b64decode(PNG))
    emulator.script(answer(Call("view_image", {"path": str(picture)})), answer("Seen."))
    done = execute(codex, place, gateway.url, "Look at a.png.")
    assert done.code == 0, done.said()
    content = asked(emulator)[-1]["messages"][-1]["content"][0]["toolResult"]["content"]
    assert [part["image"]["format"] for part in content if "image" in part] == ["png"]


def test_runs_commands_at_once_and_one_that_fails(
    codex: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    first = Call("exec_command", {"cmd": "printf made > made.txt"})
    emulator.script(answer(first, Call("exec_command", {"cmd": "cat missing.txt"})), answer("Done."))
    done = execute(codex, place, gateway.url, "Make a file.")
    assert done.code == 0, done.said()
    assert (place.folder / "made.txt").read_text() == "made"
    assert sorted(item["exit_code"] for item in items(done, "command_execution")) == [0, 1]
    assert len(results(asked(emulator)[-1])) == 2
    assert said(done) == ["Done."]


def test_a_tool_of_a_namespace_is_accepted(codex: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(answer(Call("multi_agent_v1__close_agent", {"target": "nobody"})), answer("Closed."))
    done = execute(codex, place, gateway.url, "Close the agent.")
    assert done.code == 0, done.said()
    (result,) = results(asked(emulator)[-1])
    assert "invalid agent id nobody" in result  # the tool's own words; a name it does not know is "unsupported call"
    assert said(done) == ["Closed."]


def test_signed_reasoning_comes_back_whole(codex: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    thought = "I should look into the notes, and only then answer."
    emulator.script(answer(Thought(thought), Call("exec_command", {"cmd": "cat notes.txt"})), answer("Seen."))
    done = execute(codex, place, gateway.url, "Read my notes.", "-c", "model_reasoning_effort=high")
    assert done.code == 0, done.said()
    first, second = asked(emulator)
    assert first["additionalModelRequestFields"]["thinking"]["type"] == "enabled"
    (reasoning,) = blocks(second, "reasoningContent")
    assert reasoning == {"reasoningText": {"text": thought, "signature": sign(thought)}}
    assert "thinking" in second["additionalModelRequestFields"]


@pytest.mark.parametrize(
    "broken",
    [
        answer("Half an ans", cut=True),
        answer(Call("exec_command", {"cmd": "echo once >> once.txt"}), cut=True),
        {"operation": "ConverseStream", "events": [{"exception": "internalServerException", "message": "no"}]},
    ],
    ids=["text", "call", "exception"],
)
def test_recovers_from_a_failure_within_a_stream(
    codex: Path, place: Place, gateway: Gateway, emulator: Emulator, broken: dict[str, Any]
) -> None:
    emulator.script(broken, answer(Call("exec_command", {"cmd": "echo once >> once.txt"})), answer("Recovered."))
    done = execute(codex, place, gateway.url, "Go on.")
    assert done.code == 0, done.said()
    assert said(done)[-1] == "Recovered."
    # Codex executes what is complete, whatever befell the stream: the call of a stream that broke may count, once.
    assert (place.folder / "once.txt").read_text().count("once") in (1, 2)
    assert len(asked(emulator)) <= 5


def test_a_session_over_a_websocket(
    codex: Path, place: Place, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[WSProtocol] = []

    class Counted(WSProtocol):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            opened.append(self)

    made = uvicorn.Config
    # As `app.serve` serves in a container.
    monkeypatch.setattr(uvicorn, "Config", lambda *given, **named: made(*given, **named | {"ws": Counted}))
    emulator.script(answer(Call("exec_command", {"cmd": "cat notes.txt"})), answer("Seen."))
    with serving(emulator.url) as gateway:
        done = execute(codex, place, gateway.url, "Read my notes.", provider=SOCKETS)
    assert done.code == 0, done.said()
    assert said(done) == ["Seen."]
    assert "a needle in 42 haystacks" in results(asked(emulator)[-1])[0]
    assert opened
    assert "websocket" not in done.err.lower()


def test_falls_back_where_no_websocket_is_served(
    codex: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    emulator.script(answer("Hello to you."))
    done = execute(codex, place, gateway.url, "Hello", provider=SOCKETS)
    assert done.code == 0, done.said()
    assert said(done) == ["Hello to you."]
    assert not [event for event in done.events() if event["type"] == "error"]  # at once, not after its retries


def test_an_exhausted_budget_ends_it_at_once(
    codex: Path, place: Place, emulator: Emulator, poor: Callable[[], AbstractContextManager[Gateway]]
) -> None:
    with poor() as gateway:
        done = execute(codex, place, gateway.url, "Hello")
        asked_for = [record for record in gateway.meter.records if record.call.endpoint == "responses"]
    assert done.code != 0
    assert any("quota" in str(event).lower() for event in done.events())
    assert done.seconds < 30
    assert [(record.status, record.error_code) for record in asked_for] == [(429, "insufficient_quota")]
    assert asked(emulator) == []
