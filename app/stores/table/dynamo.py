"""The table in DynamoDB, over its JSON protocol (`DynamoDB_20120810`), without an SDK.

What certainly was not carried out is tried again, and so is what may safely happen twice: reads, and puts and deletes
without a condition. A conditional write or a sum whose answer got lost is left to the caller, who can tell
(`TableUnavailable.written` is None).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from app.core.table import Condition, Item, Key, Refused, TableUnavailable, Value
from app.stores.table.expressions import Words, attribute, attributes
from app.stores.table.expressions import item as plain_item
from app.stores.table.http import Broken, HttpPool, Sign, signed
from app.stores.table.memory import is_over

log = logging.getLogger(__name__)

ATTEMPTS = 3
LONGEST_WAIT = 0.1
"""Seconds before the second attempt at most, and twice that before the third."""
MOST_PAGES = 200
"""Of 1 MB each."""

_AGAIN = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "LimitExceededException",
    )
)
"""DynamoDB's refusals that will pass, and that wrote nothing."""


class DynamoTable:
    """Implements Table. `sign` makes SigV4 headers for (method, url, body, headers); `clock` gives epoch seconds."""

    def __init__(
        self,
        url: str,
        sign: Sign,
        table: str,
        *,
        pool: HttpPool,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = url if url.endswith("/") else url + "/"
        self._sign = sign
        self._table = table
        self._pool = pool
        self._clock = clock
        self._sleep = sleep

    async def get(self, pk: str, sk: str, *, consistent: bool = False) -> Item | None:
        request = {"Key": _key(pk, sk)} | ({"ConsistentRead": True} if consistent else {})
        found = (await self._call("GetItem", request, repeatable=True)).get("Item")
        return self._alive(item(found)) if found else None

    async def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        found: dict[Key, Item] = {}
        left = [_key(*key) for key in dict.fromkeys(keys)]
        for _ in range(ATTEMPTS * 2):
            if not left:
                break
            answer = await self._send("BatchGetItem", {"RequestItems": {self._table: {"Keys": left}}}, repeatable=True)
            for given in answer.get("Responses", {}).get(self._table, ()):
                alive = self._alive(item(given))
                if alive is not None:
                    found[str(alive["pk"]), str(alive["sk"])] = alive
            left = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        if left:
            raise TableUnavailable("BatchGetItem: unprocessed keys")
        return found

    async def put(self, pk: str, sk: str, item: Item, *, when: Sequence[Condition] = ()) -> None:
        request = {"Item": attributes(item) | _key(pk, sk)} | _conditional(Words(), when)
        await self._call("PutItem", request, repeatable=not when)

    async def update(
        self,
        pk: str,
        sk: str,
        *,
        set: Mapping[str, Value] | None = None,
        add: Mapping[str, int] | None = None,
        remove: Sequence[str] = (),
        when: Sequence[Condition] = (),
    ) -> Item:
        words = Words()
        request = {"Key": _key(pk, sk), "ReturnValues": "ALL_NEW"}
        if change := words.change(set, add, remove):
            request["UpdateExpression"] = change
        request |= _conditional(words, when)
        answer = await self._call("UpdateItem", request, repeatable=not when and not add)
        return item(answer.get("Attributes", {}))

    async def delete(self, pk: str, sk: str, *, when: Sequence[Condition] = ()) -> None:
        await self._call("DeleteItem", {"Key": _key(pk, sk)} | _conditional(Words(), when), repeatable=not when)

    async def query(
        self, pk: str, *, prefix: str = "", attributes: Sequence[str] = (), limit: int = 0, descending: bool = False
    ) -> list[Item]:
        words = Words()
        condition = f"{words.name('pk')} = {words.value(pk)}"
        if prefix:
            condition += f" AND begins_with({words.name('sk')}, {words.value(prefix)})"
        request: dict[str, Any] = {"KeyConditionExpression": condition, "ScanIndexForward": not descending}
        if attributes:
            kept = dict.fromkeys(("pk", "sk", "expires_at", *attributes))
            request["ProjectionExpression"] = ", ".join(map(words.name, kept))
        request |= words.parameters()
        if limit:
            request["Limit"] = limit
        found: list[Item] = []
        for _ in range(MOST_PAGES):
            page = await self._call("Query", request, repeatable=True)
            alive = (self._alive(item(each)) for each in page.get("Items", ()))
            found += [_only(each, attributes) for each in alive if each is not None]
            if "LastEvaluatedKey" not in page or (limit and len(found) >= limit):
                return found[:limit] if limit else found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        raise TableUnavailable("Query: more pages than anybody should read")

    def close(self) -> None:
        self._pool.close()

    def _alive(self, found: dict[str, Value]) -> Item | None:
        return None if is_over(found, self._clock()) else found

    async def _call(self, operation: str, request: dict[str, Any], *, repeatable: bool) -> dict[str, Any]:
        return await self._send(operation, {"TableName": self._table, **request}, repeatable=repeatable)

    async def _send(self, operation: str, request: dict[str, Any], *, repeatable: bool) -> dict[str, Any]:
        body = to_json(request)
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._once(operation, body)
            except TableUnavailable as problem:
                certain = problem.written is False
                if attempt >= ATTEMPTS or not problem.again or not (certain or repeatable):
                    log.error("the table can't be used: %s: %s", operation, problem.reason)
                    raise
            await self._sleep(random.uniform(0, LONGEST_WAIT * attempt))

    async def _once(self, operation: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        try:
            signed_headers = await signed(self._sign, "POST", self._url, body, headers)
        except Exception as problem:  # noqa: BLE001  botocore's many: no credentials, an expired login
            raise TableUnavailable(type(problem).__name__, again=False) from None
        try:
            answer = await self._pool.post(signed_headers, body)
        except Broken as problem:
            raise TableUnavailable(problem.reason, written=None if problem.sent else False) from None
        if answer.status == 200:
            parsed = _parsed(answer.body)
            if parsed is None:
                raise TableUnavailable("an answer that is not JSON", written=None)
            return parsed
        raise _refusal(answer.status, _parsed(answer.body) or {})


def item(given: Any) -> dict[str, Value]:
    """Raises TableUnavailable for what is no item."""
    try:
        return plain_item(given)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise TableUnavailable("an item that is none", written=None, again=False) from None


def _refusal(status: int, members: dict[str, Any]) -> Exception:
    """DynamoDB's error. Only its kind is told: its text names the account and the table."""
    kind = str(members.get("__type") or "").rpartition("#")[2] or f"HTTP {status}"
    if kind == "ConditionalCheckFailedException":
        held = members.get("Item")
        return Refused(item(held) if isinstance(held, dict) else None)
    if kind in _AGAIN:
        return TableUnavailable(kind)
    if status >= 500:
        return TableUnavailable(kind, written=None)
    return TableUnavailable(kind, again=False)


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        value = from_json(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": attribute(pk), "sk": attribute(sk)}


def _conditional(words: Words, when: Sequence[Condition]) -> dict[str, Any]:
    if not when:
        return words.parameters()
    condition = words.condition(when)
    return {
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    } | words.parameters()


def _only(found: Item, attributes: Sequence[str]) -> Item:
    if not attributes or "expires_at" in attributes:
        return found
    return {name: value for name, value in found.items() if name != "expires_at"}
