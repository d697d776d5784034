"""Draws docs/session.svg: a terminal session, recorded from a real run of `./dev run` and of the commands below.

`python -m tests.docs.session` needs port 8000 to be free. The picture shows the output unchanged; long lines are wrapped.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "session.svg"
WIDTH = 110
START_SECONDS = 60
EXPORTS = re.compile(r"^export (OPENAI_BASE_URL|OPENAI_API_KEY)=(\S+)$", re.MULTILINE)
COMMANDS = (
    """curl -s "$OPENAI_BASE_URL/chat/completions" -H "Authorization: Bearer $OPENAI_API_KEY" \\
    -d '{"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello!"}]}'""",
    "KEY=$(./dev keys create alice --local --budget 0.002/month | tail -1)",
    """curl -s "$OPENAI_BASE_URL/chat/completions" -H "Authorization: Bearer $KEY" \\
    -d '{"model": "fast", "max_tokens": 60000, "messages": [{"role": "user", "content": "Hello!"}]}'""",
    "./dev report --local | head -8",
)


def main() -> None:
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    with subprocess.Popen(["./dev", "run"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            exports = _first_lines(gateway)
            _show(console, "./dev run", "".join(f"export {name}={value}\n" for name, value in exports))
            _record(console, dict(exports))
        finally:
            gateway.terminate()
    picture = console.export_svg(title="bedrock-openai-gateway", theme=MONOKAI)
    PICTURE.write_text(_without_fonts(picture), encoding="utf-8")


def _first_lines(gateway: subprocess.Popen[str]) -> list[tuple[str, str]]:
    """The lines to paste, as `./dev run` prints them."""
    assert gateway.stdout
    printed = ""
    for line in gateway.stdout:
        printed += line
        if len(found := EXPORTS.findall(printed)) == 2:
            return found
    raise SystemExit("session: ./dev run has ended before it printed its address")


def _record(console: Console, exports: dict[str, str]) -> None:
    """Runs all commands in one shell, because the second sets a variable for the third."""
    script = "\necho -----\n".join(COMMANDS)
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=os.environ | exports, capture_output=True, text=True, check=True
    )
    for command, output in zip(COMMANDS, done.stdout.split("-----\n"), strict=True):
        _show(console, command, output)


def _show(console: Console, command: str, output: str) -> None:
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    console.print(Text(output.rstrip()), overflow="fold")
    if output:
        console.print()


def _without_fonts(picture: str) -> str:
    """Without the fonts that rich refers to: a picture that loads nothing uses the reader's own monospace font."""
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return re.sub(r"\n\s*\n+", "\n", picture)


if __name__ == "__main__":
    main()
