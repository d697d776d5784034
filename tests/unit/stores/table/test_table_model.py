"""Whatever is done to them, the table in memory and DynamoDB (moto's) hold the same and answer the same."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.table import Absent, AtMost, Equal, Present, Refused, Table, Value
from app.stores.table.memory import MemoryTable
from tests.dynamodb import DynamoDb, with_table
from tests.examples import examples

Operation = Callable[[Table, str], Awaitable[Any]]

KEYS = st.sampled_from(["a", "a#1"])
NUMBERS = st.sampled_from(["n", "o:17:req#1"])
TEXTS = st.sampled_from(["s", "a b"])
INTEGERS = st.integers(-1, 1) | st.integers(-(10**30), 10**30)
WORDS = st.text(st.characters(codec="utf-8"), max_size=5) | st.binary(max_size=3)
CONDITIONS = st.lists(
    st.builds(Absent, NUMBERS | TEXTS | st.just("sk"))
    | st.builds(Present, NUMBERS | TEXTS | st.just("sk"))
    | st.builds(Equal, NUMBERS, INTEGERS)
    | st.builds(Equal, TEXTS, WORDS)
    | st.builds(AtMost, NUMBERS, INTEGERS),
    max_size=2,
)


@st.composite
def puts(draw: st.DrawFn) -> Operation:
    sk, when = draw(KEYS), draw(CONDITIONS)
    item = {**draw(st.dictionaries(NUMBERS, INTEGERS)), **draw(st.dictionaries(TEXTS, WORDS))}
    return lambda table, pk: table.put(pk, sk, item, when=when)


@st.composite
def updates(draw: st.DrawFn) -> Operation:
    """DynamoDB refuses expressions that name an attribute twice, and moto those that do nothing."""
    sk, when = draw(KEYS), draw(CONDITIONS)
    to: dict[str, Value] = {**draw(st.dictionaries(TEXTS, WORDS))}
    add = draw(st.dictionaries(NUMBERS, INTEGERS))
    fixed = {name: add.pop(name) for name in list(add) if draw(st.booleans())}
    gone = [name for name in ("n", "o:17:req#1", "s", "a b", "never") if name not in {*to, *add, *fixed}]
    gone = draw(st.lists(st.sampled_from(gone), unique=True, min_size=0 if to or add or fixed else 1))
    return lambda table, pk: table.update(pk, sk, set={**to, **fixed}, add=add, remove=gone, when=when)


@st.composite
def deletes(draw: st.DrawFn) -> Operation:
    sk, when = draw(KEYS), draw(CONDITIONS)
    return lambda table, pk: table.delete(pk, sk, when=when)


@st.composite
def queries(draw: st.DrawFn) -> Operation:
    prefix, attributes = draw(st.sampled_from(["", "a", "a#"])), draw(st.lists(NUMBERS | TEXTS, max_size=2))
    limit, descending = draw(st.integers(0, 3)), draw(st.booleans())
    return lambda table, pk: table.query(pk, prefix=prefix, attributes=attributes, limit=limit, descending=descending)


OPERATIONS = st.lists(puts() | updates() | deletes() | queries(), min_size=1, max_size=20)
_numbers = itertools.count()
_tables: dict[str, DynamoDb] = {}


@settings(max_examples=examples(120))
@given(operations=OPERATIONS)
def test_both_tables_agree(moto_url: str, operations: list[Operation]) -> None:
    backend = _tables.get(moto_url) or _tables.setdefault(moto_url, with_table(moto_url))
    asyncio.run(_compare(backend, f"p{next(_numbers)}", operations))


async def _compare(backend: DynamoDb, pk: str, operations: list[Operation]) -> None:
    memory = MemoryTable(time.time)
    real, pool = backend.open()
    try:
        for operation in operations:
            assert await _outcome(operation, real, pk) == await _outcome(operation, memory, pk)
        assert await real.query(pk) == await memory.query(pk)
    finally:
        pool.close()
        await asyncio.sleep(0)


async def _outcome(operation: Operation, table: Table, pk: str) -> Any:
    try:
        return await operation(table, pk)
    except Refused as refused:
        return "refused", refused.item
