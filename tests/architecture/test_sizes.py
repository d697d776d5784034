"""Small files, small functions, names that say something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path.relative_to(ROOT).as_posix() for room in ("app", "local") for path in (ROOT / room).rglob("*.py"))
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


def functions(path: str) -> Iterator[Function]:
    tree = ast.parse((ROOT / path).read_text())
    return (node for node in ast.walk(tree) if isinstance(node, Function))


@pytest.mark.parametrize("path", FILES)
def test_a_file_fits_on_a_few_screens(path: str) -> None:
    count = len((ROOT / path).read_text().splitlines())
    if path in EXEMPT:
        assert count > FILE_LIMIT, "the exemption is not needed any more"
    else:
        assert count <= FILE_LIMIT


@pytest.mark.parametrize("path", FILES)
def test_a_function_fits_on_one_screen(path: str) -> None:
    long = {f.name: length(f) for f in functions(path) if length(f) > FUNCTION_LIMIT}
    assert not long, f"lines by function, at most {FUNCTION_LIMIT}"


@pytest.mark.parametrize("path", FILES)
def test_a_name_says_what_is_inside(path: str) -> None:
    assert not BANNED & set(Path(path).with_suffix("").parts)


def test_exemptions_name_files_that_exist() -> None:
    assert set(EXEMPT) <= set(FILES)
