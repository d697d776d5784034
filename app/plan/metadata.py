"""Who asked, as Converse's `requestMetadata`: at most 16 pairs of a narrow alphabet, recorded in AWS's invocation logs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

MAX_PAIRS = 16
MAX_LENGTH = 256
_REFUSED = re.compile(r"[^a-zA-Z0-9\s:_@$#=/+,.-]")


def request_metadata(key_id: str, project: str, metadata: Mapping[str, str], user: str) -> dict[str, str]:
    """The gateway's own words first (which key, which project), then the client's pairs as far as they fit, cleaned.

    `user` may be personal data and goes as a digest: equal for equal users, readable for nobody.
    """
    pairs = {"gateway_key": clean(key_id), "gateway_project": clean(project)}
    if user:
        pairs["user_hash"] = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    for name, value in metadata.items():
        if len(pairs) >= MAX_PAIRS:
            break
        key = clean(name)
        if key.strip() and key not in pairs:
            pairs[key] = clean(value)
    return pairs


def clean(word: str) -> str:
    """`word` with what the pattern refuses as `_`, cut to the limit."""
    return _REFUSED.sub("_", word)[:MAX_LENGTH]
