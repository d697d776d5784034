"""What wedges a session elsewhere, one symptom at a time: what is made of it and what is told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.core.plan import Traits
from app.core.prompt import CachePoint, Message, Part, Reasoning, Text, ToolCall, ToolResult
from app.upstreams.converse.names import call_id, tool_name
from app.upstreams.converse.pairing import NO_OUTPUT, UNAVAILABLE
from app.upstreams.converse.repair import CONTINUE, Repaired, repair
from tests.unit.upstreams.converse.histories import media

PLAIN = Traits(family="plain")
SIGNED = Traits(family="signed", replay="signed", prefill=False)
UNSIGNED = Traits(family="unsigned", replay="unsigned")
THOUGHT = Reasoning("hm", "sig")


def user(*parts: Part | str) -> Message:
    return said("user", parts)


def assistant(*parts: Part | str) -> Message:
    return said("assistant", parts)


def system(*parts: Part | str) -> Message:
    return said("system", parts)


def said(role: Any, parts: tuple[Part | str, ...]) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def call(identifier: str = "c1", name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(identifier, name, arguments)


def result(identifier: str = "c1", *content: Any) -> ToolResult:
    return ToolResult(identifier, tuple(Text(item) if isinstance(item, str) else item for item in content or ("r",)))


def mended(*messages: Message, traits: Traits = PLAIN, **flags: bool) -> tuple[tuple[Message, ...], dict[str, int]]:
    repaired: Repaired = repair(messages, traits, **flags)
    lead = (Message("system", repaired.system),) if repaired.system else ()
    assert min(repaired.repairs.values(), default=1) > 0
    return (*lead, *repaired.messages), dict(repaired.repairs)


GONE = ToolResult("c1", (UNAVAILABLE,), is_error=True)
EARLIER = "[result of an earlier tool call]"
HISTORIES: dict[str, tuple[list[Message], list[Message], dict[str, int]]] = {
    "blank text of a user": ([user(" ", "hi")], [user("hi")], {"blank-text": 1}),
    "blank text beside a call": (
        [user("a"), assistant("", call()), user(result())],
        [user("a"), assistant(call()), user(result())],
        {"blank-text": 1},
    ),
    "an empty assistant turn": (
        [user("a"), assistant(), user("b")],
        [user("a", "b")],
        {"blank-turn": 1, "merged-turns": 1},
    ),
    "a blank last turn": (
        [user("a"), assistant("b"), user("\n")],
        [user("a"), assistant("b"), user(CONTINUE)],
        {"blank-text": 1, "blank-turn": 1},
    ),
    "a blank last turn before an empty one": (
        [user("a"), assistant("b"), user(), assistant()],
        [user("a"), assistant("b"), user(CONTINUE)],
        {"blank-turn": 2},
    ),
    "nothing at all": ([user("")], [user(CONTINUE)], {"blank-text": 1, "blank-turn": 1}),
    "only a system message": ([system("s")], [system("s"), user(CONTINUE)], {"blank-turn": 1}),
    "the assistant speaks first": (
        [assistant("a"), user("b")],
        [user(CONTINUE), assistant("a"), user("b")],
        {"assistant-first": 1},
    ),
    "two turns of the user": ([user("a"), user("b")], [user("a", "b")], {"merged-turns": 1}),
    "results as messages of their own, out of order": (
        [user("a"), assistant(call(), call("c2")), user(result("c2")), user(result()), user("b")],
        [user("a"), assistant(call(), call("c2")), user(result(), result("c2"), "b")],
        {},
    ),
    "a call without its result, after an abort": (
        [user("a"), assistant(call()), user("never mind")],
        [user("a"), assistant(call()), user(GONE, "never mind")],
        {"orphan-call": 1},
    ),
    "a call at the very end": (
        [user("a"), assistant(call())],
        [user("a"), assistant(call()), user(GONE)],
        {"orphan-call": 1},
    ),
    "a result without its call, after compaction": (
        [user(result("c9", "42")), assistant("b"), user("c")],
        [user(f"{EARLIER}\n42"), assistant("b"), user("c")],
        {"orphan-result": 1},
    ),
    "an orphan with a picture": (
        [user(result("c9", media("image")))],
        [user(EARLIER, media("image"))],
        {"orphan-result": 1},
    ),
    "a result before its call": (
        [user(result()), assistant(call()), user("b")],
        [user(f"{EARLIER}\nr"), assistant(call()), user(GONE, "b")],
        {"orphan-result": 1, "orphan-call": 1},
    ),
    "a result two turns late": (
        [user("a"), assistant(call()), user("wait"), assistant("ok"), user(result(), "b")],
        [user("a"), assistant(call()), user(result(), "wait"), assistant("ok"), user("b")],
        {"moved-result": 1},
    ),
    "only a late result between two turns of the assistant": (
        [user("a"), assistant(call()), user("wait"), assistant("b"), user(result()), assistant("c"), user("d")],
        [user("a"), assistant(call()), user(result(), "wait"), assistant("b", "c"), user("d")],
        {"moved-result": 1},
    ),
    "one result per part": (
        [user("a"), assistant(call()), user(result("c1", "one")), user(result("c1", "two", media("image")))],
        [user("a"), assistant(call()), user(result("c1", "one", "two", media("image")))],
        {"merged-result": 1},
    ),
    "one result sent twice": (
        [user("a"), assistant(call()), user(result("c1", "one")), user(result("c1", "one"))],
        [user("a"), assistant(call()), user(result("c1", "one"))],
        {"duplicate-result": 1},
    ),
    "several results for one call, one of them again and one failed": (
        [
            user("a"),
            assistant(call()),
            user(result("c1", "one"), ToolResult("c1", (Text("two"),), is_error=True), result("c1", "one")),
        ],
        [user("a"), assistant(call()), user(ToolResult("c1", (Text("one"), Text("two")), is_error=True))],
        {"merged-result": 1, "duplicate-result": 1},
    ),
    "an empty result beside another of the same call": (
        [user("a"), assistant(call()), user(result("c1", "")), user(result("c1", "one"))],
        [user("a"), assistant(call()), user(result("c1", "one"))],
        {"empty-result": 1, "merged-result": 1},
    ),
    "empty results for one call, one of them failed": (
        [user("a"), assistant(call()), user(result("c1", ""), ToolResult("c1", (), is_error=True))],
        [user("a"), assistant(call()), user(ToolResult("c1", (NO_OUTPUT,), is_error=True))],
        {"empty-result": 2, "merged-result": 1},
    ),
    "the second result of a call some turns later": (
        [user("a"), assistant(call()), user(result("c1", "one")), assistant("b"), user(result("c1", "two"), "c")],
        [user("a"), assistant(call()), user(result("c1", "one", "two")), assistant("b"), user("c")],
        {"merged-result": 1},
    ),
    "one call twice": (
        [user("a"), assistant(call(), call()), user(result())],
        [user("a"), assistant(call()), user(result())],
        {"duplicate-call": 1},
    ),
    "two calls of one id": (
        [user("a"), assistant(call(), call("c1", "g")), user(result("c1", "x"))],
        [
            user("a"),
            assistant(call(), call("c1-2", "g")),
            user(result("c1", "x"), ToolResult("c1-2", (UNAVAILABLE,), True)),
        ],
        {"duplicate-id": 1, "orphan-call": 1},
    ),
    "two calls of one id, both answered": (
        [user("a"), assistant(call(), call("c1", "g")), user(result("c1", "x")), user(result("c1", "y"))],
        [user("a"), assistant(call(), call("c1-2", "g")), user(result("c1", "x"), result("c1-2", "y"))],
        {"duplicate-id": 1},
    ),
    "an id used again in a later turn": (
        [
            user("a"),
            assistant(call()),
            user(result()),
            assistant(call()),
            user(result()),
            assistant(call("c1-2")),
            user("b"),
        ],
        [
            user("a"),
            assistant(call()),
            user(result()),
            assistant(call("c1-2")),
            user(result("c1-2")),
            assistant(call("c1-2-2")),
            user(ToolResult("c1-2-2", (UNAVAILABLE,), True), "b"),
        ],
        {"duplicate-id": 2, "orphan-call": 1},
    ),
    "an id of another vendor": (
        [user("a"), assistant(call("call|x")), user(result("call|x"))],
        [user("a"), assistant(call(call_id("call|x"))), user(result(call_id("call|x")))],
        {"tool-id": 2},
    ),
    "a name of an MCP server": (
        [user("a"), assistant(call("c1", "fs.read")), user(result())],
        [user("a"), assistant(call("c1", tool_name("fs.read"))), user(result())],
        {"tool-name": 1},
    ),
    "an empty result": (
        [user("a"), assistant(call()), user(ToolResult("c1", (Text(" "),)))],
        [user("a"), assistant(call()), user(ToolResult("c1", (NO_OUTPUT,)))],
        {"empty-result": 1},
    ),
    "a result blank in part": (
        [user("a"), assistant(call()), user(result("c1", "", "x"))],
        [user("a"), assistant(call()), user(result("c1", "x"))],
        {"blank-text": 1},
    ),
    "sound in a result": (
        [user("a"), assistant(call()), user(result("c1", media("audio")), "b")],
        [user("a"), assistant(call()), user(result("c1", "[audio below]"), media("audio"), "b")],
        {"tool-result-audio": 1},
    ),
    "parts where their role can't have them": (
        [user("a", call(), THOUGHT), assistant("b", media("image"), result()), user("c")],
        [user("a"), assistant("b", "[image omitted]", "[content omitted]"), user("c")],
        {"misplaced-part": 4},
    ),
    "an image among the instructions": (
        [system("s", media("image"), " "), user("a")],
        [system("s", "[image omitted]"), user("a")],
        {"system-media": 1, "blank-text": 1},
    ),
    "a system message in mid-conversation": (
        [user("a"), assistant("b"), system("be brief", CachePoint()), system(""), user("c")],
        [user("a"), assistant("b"), user("<system-reminder>\nbe brief\n</system-reminder>", CachePoint(), "c")],
        {"system-note": 1, "blank-text": 1, "blank-turn": 1, "merged-turns": 1},
    ),
    "a system message between a call and its result": (
        [user("a"), assistant(call()), system("be brief"), user(result())],
        [user("a"), assistant(call()), user(result(), "<system-reminder>\nbe brief\n</system-reminder>")],
        {"system-note": 1},
    ),
    "a prefill": ([user("a"), assistant("b")], [user("a"), assistant("b")], {}),
    "a prefill that ends in blanks": (
        [user("a"), assistant("b ", CachePoint())],
        [user("a"), assistant("b", CachePoint())],
        {"prefill-whitespace": 1},
    ),
    "unsigned thoughts for a model that takes none": (
        [user("a"), assistant(THOUGHT, "b"), user("c")],
        [user("a"), assistant("b"), user("c")],
        {"reasoning-dropped": 1},
    ),
    "points alone make no turn": (
        [user("a", CachePoint()), assistant(CachePoint()), user("b")],
        [user("a", CachePoint(), "b")],
        {"blank-turn": 1, "merged-turns": 1},
    ),
    "a point behind results sent one by one": (
        [user("a"), assistant(call(), call("c2")), user(result("c2"), CachePoint()), user(result(), CachePoint("1h"))],
        [user("a"), assistant(call(), call("c2")), user(result(), result("c2"), CachePoint("1h"))],
        {},
    ),
    "a point behind results and words": (
        [user("a"), assistant(call()), user(result(), "b", CachePoint())],
        [user("a"), assistant(call()), user(result(), "b", CachePoint())],
        {},
    ),
    "a point behind results that went elsewhere": (
        [
            user("a"),
            assistant(call()),
            user("b", CachePoint()),
            assistant("c"),
            user(result(), CachePoint()),
            assistant("d"),
            user("e"),
        ],
        [user("a"), assistant(call()), user(result(), "b", CachePoint()), assistant("c", "d"), user("e")],
        {"moved-result": 1},
    ),
}


@pytest.mark.parametrize("symptom", HISTORIES)
def test_a_bad_turn_does_not_wedge_the_session(symptom: str) -> None:
    before, after, told = HISTORIES[symptom]
    assert mended(*before) == (tuple(after), told)


@pytest.mark.parametrize(
    ("traits", "flags"),
    [(Traits(prefill=False), {}), (PLAIN, {"tools": True}), (Traits(replay="signed"), {"reasoning": True})],
)
def test_a_prefill_where_it_is_refused_is_followed_by_a_user_turn(traits: Traits, flags: dict[str, bool]) -> None:
    after, told = mended(user("a"), assistant("b "), traits=traits, **flags)
    assert after == (user("a"), assistant("b "), user(CONTINUE))
    assert told == {"prefill": 1}


@pytest.mark.parametrize("first", [[], [system("s")]])
def test_native_system_turns_stay_in_place(first: list[Message]) -> None:
    traits = Traits(system_role=True)
    history = (*first, user("a"), assistant("b"), system("be brief"), user("c"))
    assert mended(*history, traits=traits) == (history, {})


def test_a_system_message_has_not_the_last_word() -> None:
    after, told = mended(user("a"), system("be brief"), traits=Traits(system_role=True))
    assert after == (user("a", "<system-reminder>\nbe brief\n</system-reminder>"),)
    assert told == {"system-note": 1}
    after, told = mended(user("a"), assistant("b"), system("be brief"), traits=Traits(system_role=True))
    assert after == (user("a"), assistant("b"), system("be brief"), user(CONTINUE))
    assert told == {"system-last": 1}


def test_results_come_before_a_native_system_turn() -> None:
    history = (user("a"), assistant(call()), system("s"), user(result(), "b"))
    after, told = mended(*history, traits=Traits(system_role=True))
    assert after == (user("a"), assistant(call()), user(result()), system("s"), user("b"))
    assert told == {"moved-result": 1}


def test_instructions_for_a_model_without_a_system_prompt_are_a_user_turn() -> None:
    after, told = mended(
        system("s", CachePoint(), CachePoint()), system("t"), user("a"), traits=Traits(system_prompt=False)
    )
    assert after == (user("s", CachePoint(), "t", "a"),)
    assert told == {"system-to-user": 1, "merged-turns": 1}


def test_signed_thoughts_are_replayed_byte_for_byte() -> None:
    sealed = Reasoning(redacted="eA==")
    history = (user("a"), assistant(THOUGHT, sealed, Reasoning("", "sig"), "b", call()), user(result()))
    assert mended(*history, traits=SIGNED, reasoning=True, tools=True) == (history, {})


@pytest.mark.parametrize(("thought", "reasoning"), [(THOUGHT, False), (Reasoning("hm"), True), (Reasoning(), True)])
def test_thoughts_that_would_be_refused_are_dropped(thought: Reasoning, reasoning: bool) -> None:
    after, told = mended(user("a"), assistant(thought, "b"), user("c"), traits=SIGNED, reasoning=reasoning)
    assert after == (user("a"), assistant("b"), user("c"))
    assert told == {"reasoning-dropped": 1}


def test_thoughts_come_first_in_the_turn() -> None:
    after, told = mended(user("a"), assistant("b", THOUGHT, call()), user(result()), traits=SIGNED)
    assert after[1] == assistant(THOUGHT, "b", call())
    assert told == {"reasoning-order": 1}


def test_thoughts_in_a_message_of_their_own_go_with_the_call_they_led_to() -> None:
    after, told = mended(user("a"), assistant(THOUGHT), assistant("b", call()), user(result()), traits=SIGNED)
    assert after[1] == assistant(THOUGHT, "b", call())
    assert told == {"merged-turns": 1}


def test_a_first_thought_that_is_dropped_does_not_hold_back_the_next() -> None:
    after, _ = mended(user("a"), assistant(Reasoning("x"), "b", THOUGHT), user("c"), traits=SIGNED)
    assert after[1] == assistant(THOUGHT, "b")


def test_thoughts_between_calls_stay_where_they_were() -> None:
    history = (user("a"), assistant(THOUGHT, "b", THOUGHT, call()), user(result()))
    assert mended(*history, traits=SIGNED) == (history, {})


def test_an_assistant_turn_of_nothing_but_thoughts_goes() -> None:
    after, told = mended(user("a"), assistant(THOUGHT, CachePoint()), user("b"), traits=SIGNED)
    assert after == (user("a", "b"),)
    assert told == {"reasoning-only": 1, "merged-turns": 1}


@pytest.mark.parametrize("thought", [THOUGHT, Reasoning("hm", redacted="eA==")])
def test_after_a_change_of_model_another_vendors_seal_is_taken_off(thought: Reasoning) -> None:
    after, told = mended(user("a"), assistant(thought, "b"), user("c"), traits=UNSIGNED)
    assert after[1] == assistant(Reasoning("hm"), "b")
    assert told == {"reasoning-unsealed": 1}


def test_plain_thoughts_are_replayed_to_models_that_take_them() -> None:
    history = (user("a"), assistant(Reasoning("hm"), "b"), user("c"))
    assert mended(*history, traits=UNSIGNED) == (history, {})


@pytest.mark.parametrize("thought", [Reasoning(" "), Reasoning(redacted="eA==")])
def test_what_another_model_could_not_read_is_dropped(thought: Reasoning) -> None:
    after, told = mended(user("a"), assistant(thought, "b"), user("c"), traits=UNSIGNED)
    assert after[1] == assistant("b")
    assert told == {"reasoning-dropped": 1}


SCREENSHOT = (user("a"), assistant(call()), user(result("c1", "look", media("image")), "b"))


def test_a_screenshot_goes_beside_the_result_where_models_want_it_there() -> None:
    after, told = mended(*SCREENSHOT, traits=Traits(tool_result_images=False))
    assert after[2] == user(result("c1", "look", "[image below]"), media("image"), "b")
    assert told == {"tool-result-image": 1}


def test_a_screenshot_for_a_model_that_cannot_see_is_a_word() -> None:
    after, told = mended(*SCREENSHOT, traits=Traits(modalities=frozenset(), tool_result_images=False))
    assert after[2] == user(result("c1", "look", "[image omitted]"), "b")
    assert told == {"tool-result-image": 1}


def test_an_orphaned_screenshot_for_a_model_that_cannot_see_is_a_word() -> None:
    after, _ = mended(user(result("c9", media("image"))), traits=Traits(modalities=frozenset()))
    assert after == (user(f"{EARLIER}\n[image omitted]"),)


def test_a_document_in_a_result_stays_there() -> None:
    history = (user("a"), assistant(call()), user(result("c1", media("document"))))
    assert mended(*history, traits=Traits(modalities=frozenset())) == (history, {})


def test_every_kind_of_repair_is_documented() -> None:
    page = (Path(__file__).parents[4] / "docs" / "repairs.md").read_text()
    told = Counter(kind for _, _, counts in HISTORIES.values() for kind in counts)
    told.update(
        ["system-last", "system-to-user", "reasoning-only", "reasoning-order", "reasoning-unsealed", "document-text"]
    )
    assert not [kind for kind in told if f"`{kind}`" not in page]
