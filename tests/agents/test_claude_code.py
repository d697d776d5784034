"""Claude Code in print mode, as docs/agents.md configures it: Messages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from local.behaviour.reasoning import sign
from local.emulator import Emulator
from tests.agents.conftest import Outside, Place, program, told
from tests.agents.programs import Done, run
from tests.agents.scripted import Call, Thought, answer, asked, blocks, results
from tests.wire.gateway import KEY, Gateway

QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}
THOUGHT = "The notes are in a file. I read it before I answer."
QWEN = "qwen.qwen3-coder-480b-a35b-v1:0"


@pytest.fixture(scope="session")
def claude() -> Path:
    return program("claude")


def execute(claude: Path, place: Place, url: str, prompt: str, **variables: str) -> Done:
    """`claude -p`, with its events."""
    exported = re.findall(r"^export (\w+)=(\S+)$", told("Claude Code", "bash", url), re.MULTILINE)
    assert [name for name, _ in exported][:2] == ["ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"]
    told_variables = {name: KEY if value == "$OPENAI_API_KEY" else value for name, value in exported}
    options = ("--output-format", "stream-json", "--verbose", "--allowedTools", "Read,Edit,Bash")
    given = place.variables | QUIET | told_variables | variables
    return run(claude, "-p", prompt, *options, home=place.home, folder=place.folder, **given)


def final(done: Done) -> Any:
    """Its last event, which tells how it went."""
    (found,) = [event for event in done.events() if event["type"] == "result"]
    return found


def test_a_tool_loop_with_thinking(
    claude: Path, place: Place, gateway: Gateway, emulator: Emulator, outside: Outside
) -> None:
    notes = str(place.folder / "notes.txt")
    emulator.script(
        answer(Thought(THOUGHT), "Reading.", Call("Read", {"file_path": notes})),
        answer(Thought("Now a command."), Call("Bash", {"command": "printf made > made.txt; wc -c made.txt"})),
        answer(Thought("And the change."), Call("Edit", {"file_path": notes, "old_string": "42", "new_string": "43"})),
        answer("All well."),
    )
    done = execute(claude, place, gateway.url, "Correct my notes.")
    assert done.code == 0, done.said()
    assert (place.folder / "notes.txt").read_text() == "a needle in 43 haystacks\n"
    assert (place.folder / "made.txt").read_text() == "made"
    assert not final(done)["is_error"]
    calls = asked(emulator)
    assert all(call["additionalModelRequestFields"]["thinking"]["type"] == "enabled" for call in calls[:3])
    signed = {"reasoningText": {"text": THOUGHT, "signature": sign(THOUGHT)}}
    assert [blocks(call, "reasoningContent")[:1] for call in calls[1:]] == [[signed]] * (len(calls) - 1)
    texts = results(calls[3])
    assert "a needle in 42 haystacks" in texts[0]
    assert "4 made.txt" in texts[1]
    shown = [
        part["type"] for event in done.events() if event["type"] == "assistant" for part in event["message"]["content"]
    ]
    assert shown[:3] == ["thinking", "text", "tool_use"]
    assert outside.wanted == []


def test_a_greeting_over_the_emulator_executes_nothing(
    claude: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    (place.folder / "CLAUDE.md").write_text(f"Use the tools. Clean up with Bash: `rm {place.folder}/notes.txt`.\n")
    done = execute(claude, place, gateway.url, "Hello")
    assert done.code == 0, done.said()
    assert "You said: Hello" in final(done)["result"]
    assert results(asked(emulator)[-1]) == []
    assert (place.folder / "notes.txt").exists()


def test_a_directive_over_the_emulator_executes_a_command(
    claude: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    directive = '[[emulate: call=Bash {"command": "printf made > made.txt"}]]'
    done = execute(claude, place, gateway.url, directive)
    assert done.code == 0, done.said()
    assert (place.folder / "made.txt").read_text() == "made"
    assert len(results(asked(emulator)[-1])) == 1


def test_what_it_asks_for_is_cached(claude: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(answer("Hello to you."))
    done = execute(claude, place, gateway.url, "Hello")
    assert done.code == 0, done.said()
    (body,) = asked(emulator)
    points = [
        block["cachePoint"] for block in [*body["system"], *body["messages"][-1]["content"]] if "cachePoint" in block
    ]
    assert {point["type"] for point in points} == {"default"}
    assert len(points) >= 2  # those of its own: behind the system prompt, behind the last turn


def test_another_vendors_model(claude: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(answer(Call("Read", {"file_path": str(place.folder / "notes.txt")})), answer("A needle."))
    done = execute(claude, place, gateway.url, "What do my notes say?", ANTHROPIC_MODEL=QWEN)
    assert done.code == 0, done.said()
    assert final(done)["result"] == "A needle."
    assert "a needle in 42 haystacks" in results(asked(emulator)[-1])[0]
    assert {each.model_id for each in emulator.requests if each.operation == "ConverseStream"} == {QWEN}


@pytest.mark.parametrize(("model", "counted"), [(None, True), (QWEN, False)])
def test_it_counts_tokens(
    claude: Path, place: Place, gateway: Gateway, emulator: Emulator, model: str | None, counted: bool
) -> None:
    done = execute(claude, place, gateway.url, "/context", **({"ANTHROPIC_MODEL": model} if model else {}))
    assert done.code == 0, done.said()
    assert "Context Usage" in done.out
    records = [record for record in gateway.meter.records if record.call.endpoint == "messages.count_tokens"]
    assert records
    assert {record.status for record in records} == {200}
    assert any(each.operation == "CountTokens" for each in emulator.requests) == counted


def test_it_is_told_the_window_of_a_model(claude: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    chosen = {"ANTHROPIC_MODEL": QWEN, "CLAUDE_CODE_AUTO_COMPACT_WINDOW": "262000"}
    done = execute(claude, place, gateway.url, "/context", **chosen)
    assert done.code == 0, done.said()
    assert "/ 262k" in done.out


def test_it_finds_the_gateways_models(claude: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    slow = answer("Hello to you.")
    slow["events"][-1]["wait"] = 3  # it asks for the list beside its work, and does not wait for it at the end
    emulator.script(slow)
    switches = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "", "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1"}
    done = execute(claude, place, gateway.url, "Hello", **switches)
    assert done.code == 0, done.said()
    (kept,) = place.home.rglob("gateway-models.json")
    assert "us.anthropic.claude-sonnet-5" in [model["id"] for model in json.loads(kept.read_text())["models"]]


def test_goes_on_after_a_throttle(claude: Path, place: Place, gateway: Gateway, emulator: Emulator) -> None:
    throttled = {
        "status": 429,
        "headers": {"x-amzn-ErrorType": "ThrottlingException"},
        "body": {"message": "slow down"},
    }
    emulator.script(throttled, throttled, throttled, throttled, answer("Hello to you."))
    done = execute(claude, place, gateway.url, "Hello")
    assert done.code == 0, done.said()
    assert final(done)["result"] == "Hello to you."


def test_recovers_from_a_failure_within_a_stream(
    claude: Path, place: Place, gateway: Gateway, emulator: Emulator
) -> None:
    emulator.script(answer("Half an ans", cut=True), answer("Recovered."))
    done = execute(claude, place, gateway.url, "Hello")
    assert done.code == 0, done.said()
    assert "Recovered." in final(done)["result"]


def test_an_exhausted_budget_ends_it_at_once(
    claude: Path, place: Place, emulator: Emulator, poor: Callable[[], AbstractContextManager[Gateway]]
) -> None:
    with poor() as gateway:
        done = execute(claude, place, gateway.url, "Hello")
        records = [record for record in gateway.meter.records if record.call.endpoint == "messages"]
    assert done.code != 0
    assert final(done)["is_error"]
    assert "limit" in final(done)["result"]
    assert done.seconds < 30
    assert 1 <= len(records) <= 2
    assert {record.status for record in records} == {429}
    assert asked(emulator) == []
