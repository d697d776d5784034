"""A guardrail that blocks one word: in Converse, and on its own as ApplyGuardrail."""

from typing import Any

from local.behaviour.answer import BLOCKED_INPUT
from local.emulator.call import Call, State
from local.emulator.errors import json_reply
from local.emulator.messages import Reply

_POLICIES = [
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
]
_UNIT = 1000


def blocked_words(config: Any, text: str, word: str) -> list[str]:
    """The blocked words of a text, as they are written there; none without a guardrail."""
    if not config:
        return []
    at = text.lower().find(word.lower())
    return [text[at : at + len(word)]] if at >= 0 else []


def trace(config: Any, words: list[str]) -> dict[str, Any]:
    """`trace` of a Converse response; empty unless the guardrail's trace was asked for."""
    if not config or config.get("trace", "disabled") == "disabled":
        return {}
    assessment = {config["guardrailIdentifier"]: _assessment(words)}
    reason = "Guardrail blocked." if words else "No action."
    return {"guardrail": {"inputAssessment": assessment, "actionReason": reason}}


def apply_guardrail(call: Call, state: State) -> Reply:
    """ApplyGuardrail over the text blocks of the content."""
    text = " ".join(block["text"]["text"] for block in call.body["content"] if "text" in block)
    words = blocked_words(call.labels, text, state.settings.guardrail_word)
    shown = words or call.body.get("outputScope") == "FULL"
    return json_reply(
        {
            "usage": dict.fromkeys(_POLICIES, 0) | {"wordPolicyUnits": -(-len(text) // _UNIT)},
            "action": "GUARDRAIL_INTERVENED" if words else "NONE",
            "actionReason": "Guardrail blocked." if words else "No action.",
            "outputs": [{"text": BLOCKED_INPUT}] if words else [],
            "assessments": [_assessment(words)] if shown else [],
            "guardrailCoverage": {"textCharacters": {"guarded": len(text), "total": len(text)}},
        }
    )


def _assessment(words: list[str]) -> dict[str, Any]:
    if not words:
        return {}
    matches = [{"match": word, "action": "BLOCKED", "detected": True} for word in words]
    return {"wordPolicy": {"customWords": matches, "managedWordLists": []}}
