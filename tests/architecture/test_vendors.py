"""Facts about models are data in `app/plan`; no other code knows a vendor's name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = ("app/plan/", "app/upstreams/invoke/embeddings/")
VENDOR = re.compile(
    r"(?<![a-z])(ai21|anthropic|claude|cohere|deepseek|gemma|gpt-oss|jamba|kimi|llama\d?|minimax|mistral|mixtral|moonshot"
    r"|nemotron|nova|nvidia|palmyra|pixtral|qwen\d?|stability\.|titan|twelvelabs|writer\.|zai)(?![a-z])",
    re.IGNORECASE,
)


def mentions(source: str) -> list[str]:
    """`line: text` of every string with a vendor's name in it, docstrings left aside."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        f"{node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in docstrings
        if isinstance(node.value, str) and VENDOR.search(node.value)
    ]


def test_a_vendor_is_named_in_the_plan_only() -> None:
    paths = {file.relative_to(ROOT).as_posix(): file for file in (ROOT / "app").rglob("*.py")}
    found = {path: mentions(file.read_text()) for path, file in paths.items() if not path.startswith(ALLOWED)}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "code",
    [
        'if "claude" in model: pass',
        'x = model.startswith("us.amazon.nova-")',
        'FAMILIES = ["meta.llama3"]',
        'f"{geo}.anthropic"',
    ],
)
def test_a_name_in_code_is_found(code: str) -> None:
    assert len(mentions(code)) == 1


@pytest.mark.parametrize(
    "code", ['"""Claude wants this."""', 'x = "innovation"', 'x = "titanic"', "# anthropic\nx = 1"]
)
def test_a_name_in_prose_is_let_be(code: str) -> None:
    assert mentions(code) == []
