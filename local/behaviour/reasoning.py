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
    """The signature of a reasoning text, as long as a short real one. Only Claude signs."""
    return b64encode(hmac.digest(_KEY, text.encode("utf-8", "surrogatepass"), hashlib.sha512)).decode()


def is_signed(text: str, signature: str) -> bool:
    """Whether the signature was issued for exactly this text."""
    return hmac.compare_digest(sign(text).encode(), signature.encode("utf-8", "surrogatepass"))


def seal(text: str, provider: str = "Anthropic") -> str:
    """Redacted reasoning of a vendor's models: an opaque blob, base64."""
    head = _head(provider)
    return b64encode(head + hmac.digest(_KEY, head + text.encode("utf-8", "surrogatepass"), hashlib.sha256)).decode()


def is_sealed(blob: str, provider: str = "Anthropic") -> bool:
    """Whether a blob of redacted reasoning was issued by a model of this vendor."""
    try:
        data = b64decode(blob, validate=True)
    except (Base64Error, ValueError):
        return False
    head = _head(provider)
    return data.startswith(head) and len(data) == len(head) + hashlib.sha256().digest_size


def _head(provider: str) -> bytes:
    """What a vendor's blobs begin with; their length tells Claude's from the others, which begin alike."""
    return _SEALED if provider == "Anthropic" else _SEALED + provider.encode() + b":"


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
