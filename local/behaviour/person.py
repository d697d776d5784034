"""Separates what a person wrote in a user turn from what a client program put around it.

Agents send reminders, instruction files, file contents and command output in user turns, each within a pair of tags
(`<system-reminder>`, `<environment_context>`, `<INSTRUCTIONS>`, `<content>`; Claude Code, Codex CLI and opencode, 2026-11).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

REMINDER = "system-reminder"
_TAG = re.compile(r"<(/?)([A-Za-z][\w.-]*)(?:\s[^<>]*)?>")


def words(texts: Sequence[str]) -> str:
    """The person's words in the text blocks of one turn.

    A block with a tagged part is the client's, except the last one, in which the person may have written outside the tags.
    """
    own = [text for text in texts[:-1] if not _pairs(text)]
    own += [_without(text, lambda name: True) for text in texts[-1:]]
    return " ".join(text for text in own if text.strip())


def without_reminders(text: str) -> str:
    """The text without its reminders; the whole text where nothing else is in it."""
    return _without(text, lambda name: name == REMINDER).strip() or text if f"<{REMINDER}" in text else text


def _without(text: str, is_dropped: Callable[[str], bool]) -> str:
    kept, position = [], 0
    for start, end, name in _pairs(text):
        if start >= position and is_dropped(name):
            kept.append(text[position:start])
            position = end
    return "".join((*kept, text[position:]))


def _pairs(text: str) -> list[tuple[int, int, str]]:
    """Start, end and name of each tagged part, in the order of their starts. In time linear in the length of the text."""
    return sorted(_matched(text), key=lambda pair: (pair[0], -pair[1])) if "<" in text else []


def _matched(text: str) -> Iterator[tuple[int, int, str]]:
    opened: defaultdict[str, list[int]] = defaultdict(list)
    for tag in _TAG.finditer(text):
        closes, name = tag.groups()
        if not closes:
            opened[name].append(tag.start())
        elif opened[name]:
            yield opened[name].pop(), tag.end(), name
    # A reminder that is not closed was cut off: everything behind its start may belong to it.
    yield from ((start, len(text), REMINDER) for start in opened[REMINDER][:1])
