"""When models end, as public price lists of 2026-11 have it (litellm's `deprecation_date`; AWS has confirmed none of them).

They are only shown, and only where AWS's own list has no date: a model that still answers is still called.
"""

from __future__ import annotations

from app.plan.families.words import Rows

_ENDS = {
    "2026-09-30": r"amazon\.nova-canvas-v1",
    "2026-10-14": r"anthropic\.claude-sonnet-4-20250514",
    "2026-11-26": r"ai21\.jamba-1-5",
    "2026-11-30": r"twelvelabs\.marengo-embed-2-7",
    "2027-01-08": r"anthropic\.claude-opus-4-1-20250805",
    "2027-03-09": r"writer\.palmyra-x4",
    "2027-03-21": r"writer\.palmyra-x5",
    "2027-03-30": r"deepseek\.(?:r1|v3)-v1|qwen\.qwen3-coder-(?:30b|480b)|moonshot\.kimi-k2-thinking|zai\.glm-4\.7"
    r"|minimax\.minimax-m2(?![.\d])|google\.gemma-3-|mistral\.(?:devstral-2|voxtral)|nvidia\.nemotron-nano-(?:9|12)b"
    r"|meta\.llama(?:3-1-(?:8|70)b|3-3-70b|4-)",
    "2027-04-08": r"anthropic\.claude-sonnet-4-5-20250929",
}
ROWS: Rows = tuple((pattern, {"end_of_life": day}) for day, pattern in _ENDS.items())
