"""Reasoning: when it is asked for, what it says, and the signature that proves it came from here unchanged."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any

from local.models import ModelFacts, Thinking

_KEY = b"the emulator's signing key; it proves nothing to anybody else"
_SEALED = b"redacted:"
_OFF = ("none", "disabled", None)


def sign(text: str) -> str:
    """The signature of a reasoning text, as long as a short real one."""
    return b64encode(hmac.digest(_KEY, text.encode("utf-8", "surrogatepass"), hashlib.sha512)).decode()


def is_signed(text: str, signature: str) -> bool:
    """Whether the signature was issued for exactly this text."""
    return hmac.compare_digest(sign(text), signature)


def seal(text: str) -> str:
    """Redacted reasoning: an opaque blob, base64."""
    return b64encode(_SEALED + hmac.digest(_KEY, text.encode("utf-8", "surrogatepass"), hashlib.sha256)).decode()


def is_sealed(blob: str) -> bool:
    """Whether a blob of redacted reasoning was issued here."""
    try:
        return b64decode(blob, validate=True).startswith(_SEALED)
    except (Base64Error, ValueError):
        return False


def is_wanted(facts: ModelFacts, body: dict[str, Any]) -> bool:
    """Whether the request makes this model reason."""
    fields = body.get("additionalModelRequestFields")
    fields = fields if isinstance(fields, dict) else {}
    if facts.is_claude:
        return _claude_wants(facts, fields)
    asked = _asked(fields)
    if asked:
        return asked[0] not in _OFF
    return facts.reasons_unasked


def text_for(facts: ModelFacts, prompt: str) -> str:
    """What the model thinks about a prompt; Nova hides it, as the real one does."""
    if facts.provider == "Amazon":
        return "[REDACTED]"
    return f'The user says "{prompt[:80]}". I will answer that briefly.'


def _claude_wants(facts: ModelFacts, fields: dict[str, Any]) -> bool:
    if facts.thinking is Thinking.ALWAYS:
        return True
    thinking = fields.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _asked(fields: dict[str, Any]) -> list[Any]:
    """The setting in whichever field the family uses; empty when none is there."""
    if "reasoning_effort" in fields:
        return [fields["reasoning_effort"]]
    for name, key in (("reasoning", "effort"), ("reasoningConfig", "type")):
        if isinstance(fields.get(name), dict):
            return [fields[name].get(key)]
    return []
