"""Recognises tools that write or run something, by their names and descriptions."""

import re
from typing import Any

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_NAME = re.compile(
    r"(?i)agent|append|apply|bash|batch|cmd|command|commit|copy|create|cron|delete|deploy|drop|edit|eval|exec|execute|insert"
    r"|install|invoke|kill|launch|merge|modify|move|multiedit|mv|notebook|overwrite|patch|powershell|process|publish|push|python"
    r"|remove|rename|repl|replace|rm|run|save|schedule|script|sh|shell|skill|spawn|start|stdin|stop|subprocess|sudo|task"
    r"|terminal|todo|truncate|uninstall|update|upload|write|zsh"
)
_DESCRIPTION = re.compile(
    r"(?i)\b(?:appl|chang|creat|delet|edit|eval|execut|install|launch|modif|mov|overwrit|patch|remov|renam|replac|run|sav|spawn"
    r"|start|updat|writ)(?:y|ies|e|es|s|ing|uat\w+)?\b[^.]{0,60}"
    r"\b(?:agents?|bash|cells?|code|commands?|director\w+|disk|files?|filesystem|folders?|notebooks?|patch\w*|process\w*|programs?"
    r"|scripts?|shell|skills?|terminal|texts?)\b"
)
_DESCRIPTION_START = 400
"""Characters of a description that say what the tool does; what follows is often advice about other tools."""


def has_side_effects(spec: dict[str, Any]) -> bool:
    """Whether a `toolSpec` looks as if its tool writes or runs something. In doubt it does."""
    if any(_NAME.fullmatch(word) for word in _WORD.findall(spec["name"])):
        return True
    return _DESCRIPTION.search(str(spec.get("description") or "")[:_DESCRIPTION_START]) is not None
