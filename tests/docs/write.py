"""The generated parts of the documentation: `./dev docs` writes them, `./dev docs --check` and the tests compare.

A part stands between `<!-- name -->` and `<!-- /name -->`; what is around it is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from app.api.chat import parameters as chat
from app.api.completions import parameters as completions
from app.api.messages import parameters as messages
from app.api.responses import parameters as responses
from app.settings import Settings
from bench import cost_tables, package_excerpt
from local.prices import page as price_page

ROOT = Path(__file__).parents[2]


def settings_table() -> str:
    """A row per setting: the variable, its default, what it does."""
    rows = ["| variable | default | what it does |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        variable = (field.alias or name).upper()
        rows.append(
            f"| `{variable}` | {_shown(field.default)} | {(field.description or '').replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows)


def _shown(default: object) -> str:
    match default:
        case "" | () | None:
            return "unset"
        case bool():
            return f"`{str(default).lower()}`"
        case tuple():
            return f"`{','.join(default)}`"
        case float() if default.is_integer():
            return f"`{default:.0f}`"
        case _:
            return f"`{default}`"


def chat_parameters() -> str:
    """OpenAI's parameters of chat completions."""
    return _parameters((name, *parameter) for name, parameter in chat.PARAMETERS.items())


def chat_extensions() -> str:
    """What a request may carry beyond them."""
    return _parameters((name, *parameter) for name, parameter in chat.EXTENSIONS.items())


def completions_parameters() -> str:
    """OpenAI's parameters of the legacy completions."""
    return _parameters((name, *parameter) for name, parameter in completions.PARAMETERS.items())


def messages_parameters() -> str:
    """Anthropic's parameters of messages."""
    return _parameters((name, *parameter) for name, parameter in messages.PARAMETERS.items())


def messages_betas() -> str:
    """Those of its beta types."""
    return _parameters((name, *parameter) for name, parameter in messages.BETA_PARAMETERS.items())


def messages_older() -> str:
    """What its SDK had before."""
    return _parameters((name, *parameter) for name, parameter in messages.OLDER.items())


def _table(head: tuple[str, str], rows: Iterable[tuple[object, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |", *(f"| `{name}` | {note} |" for name, note in rows)]
    return "\n".join(lines)


def messages_blocks() -> str:
    return _table(("block", "what becomes of it"), messages.BLOCKS.items())


def messages_events() -> str:
    return _table(("event", "what it carries"), messages.EVENTS.items())


def messages_stops() -> str:
    return _table(("`stop_reason`", "Bedrock's"), messages.STOP_REASONS.items())


def messages_errors() -> str:
    return _table(("status", "`type`"), ((status, f"`{name}`") for status, name in messages.ERRORS.items()))


def responses_parameters() -> str:
    """OpenAI's parameters of responses, and those beyond them."""
    return _parameters((name, *parameter) for name, parameter in (responses.PARAMETERS | responses.EXTENSIONS).items())


def responses_items() -> str:
    """The items of an input."""
    return _table(("item", "what becomes of it"), responses.ITEMS.items())


def responses_tools() -> str:
    """The types of tools."""
    return _table(("tool", "what becomes of it"), responses.TOOLS.items())


def responses_events() -> str:
    """The events of a stream."""
    return _table(("event", "content"), responses.EVENTS.items())


def _parameters(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| `{name}` | {outcome} | {note} |" for name, outcome, note in rows]
    return "\n".join(["| parameter | outcome | how |", "| --- | --- | --- |", *lines])


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "settings": ("docs/settings.md", settings_table),
    "chat-parameters": ("docs/parameters.md", chat_parameters),
    "chat-extensions": ("docs/parameters.md", chat_extensions),
    "completions-parameters": ("docs/parameters.md", completions_parameters),
    "messages-parameters": ("docs/messages.md", messages_parameters),
    "messages-betas": ("docs/messages.md", messages_betas),
    "messages-older": ("docs/messages.md", messages_older),
    "messages-blocks": ("docs/messages.md", messages_blocks),
    "messages-events": ("docs/messages.md", messages_events),
    "messages-stops": ("docs/messages.md", messages_stops),
    "messages-errors": ("docs/messages.md", messages_errors),
    "responses-parameters": ("docs/responses.md", responses_parameters),
    "responses-items": ("docs/responses.md", responses_items),
    "responses-tools": ("docs/responses.md", responses_tools),
    "responses-events": ("docs/responses.md", responses_events),
    "package": ("docs/performance.md", package_excerpt.excerpt),
    "costs": ("docs/costs.md", cost_tables.summary),
    "costs-assumptions": ("docs/costs.md", cost_tables.assumptions),
    "costs-inside": ("docs/costs.md", cost_tables.inside),
    "costs-outside": ("docs/costs.md", cost_tables.outside),
    "costs-memory": ("docs/costs.md", cost_tables.memories),
    "costs-keys": ("docs/costs.md", cost_tables.keys),
    "costs-canary": ("docs/costs.md", cost_tables.canary_alone),
    "costs-prices": ("docs/costs.md", cost_tables.prices),
    "prices-rules": ("docs/prices.md", price_page.rules),
    "prices-models": ("docs/price-table.md", price_page.models),
    "prices-sources": ("docs/price-table.md", price_page.sources),
}
"""Name of the part -> the file it stands in, and what writes it."""


def renewed(name: str) -> tuple[Path, str, str]:
    """The file of a part, its text as it is, and as it ought to be. Raises ValueError where the markers are missing."""
    file, write = PARTS[name]
    path = ROOT / file
    text = path.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{file} must have {begin} and {end} once each")
    before, rest = text.split(begin)
    return path, text, f"{before}{begin}\n{write()}\n{end}{rest.split(end)[1]}"


def main(arguments: list[str]) -> int:
    stale = 0
    for name in PARTS:
        path, old, new = renewed(name)
        if old != new:
            stale += 1
            print(f"{path.relative_to(ROOT)}: {name} {'is stale' if '--check' in arguments else 'written'}")
            if "--check" not in arguments:
                path.write_text(new)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
