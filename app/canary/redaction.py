"""Texts of others, made fit for a log line: short, on one line, without keys, ARNs and account ids."""

from __future__ import annotations

import re

LONGEST = 160
_ARN = re.compile(r"arn:[a-z-]+:[^\s\"'<>,;]*")
_CREDENTIAL = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}|\bsk-[A-Za-z0-9_-]{4,}|(?i:bearer)\s+[^\s\"']+")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_UNSHOWN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


class Redactor:
    """Hides `secrets` wherever they occur, and what looks like one."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def __call__(self, text: str, longest: int = LONGEST) -> str:
        for secret in self._secrets:  # before white space is folded, which may be part of one
            text = text.replace(secret, "(hidden)")
        text = _UNSHOWN.sub(" ", text).strip()
        for pattern, word in ((_ARN, "(an ARN)"), (_CREDENTIAL, "(hidden)"), (_ACCOUNT, "(an account)")):
            text = pattern.sub(word, text)
        return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def model_name(model: str) -> str:
    """A model id as it may be shown; of an ARN the last part, which names no account."""
    return model.rsplit(":", 1)[-1] if model.startswith("arn:") else model
