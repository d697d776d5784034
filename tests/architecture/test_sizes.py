"""Small files, small functions, names that say something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE_LIMIT = 300
FUNCTION_LIMIT = 40
BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

EXEMPT: dict[str, str] = {}
"""Files that may be longer, each with the reason. Only tables of facts: code is split instead."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def length(function: Function) -> int:
    """Lines of a function, less decorators, docstring and the functions inside it: those count for themselves."""
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    if ast.get_docstring(function) is not None:
        lines -= _lines(function.body[0])
    for inner in ast.walk(function):
        if isinstance(inner, Function) and inner is not function:
            lines -= _lines(inner)
    return len(lines)


def _lines(node: ast.stmt) -> set[int]:
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return set(range(first, (node.end_lineno or node.lineno) + 1))


def sources() -> Iterator[tuple[str, str]]:
    """Path and text of every module of `app/` and `local/`."""
    for room in ("app", "local"):
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def functions(text: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(text)) if isinstance(node, Function))


def test_a_file_fits_on_a_few_screens() -> None:
    lengths = {path: len(text.splitlines()) for path, text in sources()}
    assert {path for path, lines in lengths.items() if lines > FILE_LIMIT} == EXEMPT.keys()


def test_a_function_fits_on_one_screen() -> None:
    long = [
        f"{path}: {function.name} has {length(function)} lines"
        for path, text in sources()
        for function in functions(text)
        if length(function) > FUNCTION_LIMIT
    ]
    assert long == [], f"at most {FUNCTION_LIMIT} lines are allowed"


def test_a_module_is_named_after_its_subject() -> None:
    assert [path for path, _ in sources() if BANNED & set(Path(path).with_suffix("").parts)] == []
