"""The results, one item per model: pk="status", sk=<model id>, body=<JSON>, checked_at, expires_at. `GET /v1/status` reads it.

body: {"model": id, "checks": {name: {"status": "ok"|"failed"|"skipped", "ms": int|null, "detail": text, "at": seconds}}}
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from app.canary import aws
from app.canary.errors import Unavailable

_KEEP_SECONDS = 90 * 86400
_ATTEMPTS = 5
_REFUSED = "ConditionalCheckFailedException"

Checks = dict[str, dict[str, Any]]


class Matrix:
    """`client`: of DynamoDB. Methods raise Unavailable."""

    def __init__(self, client: Any, table: str, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def read(self) -> dict[str, Checks]:
        """Model -> its checks. What can't be read as a result counts as never checked."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "status"}},
        }
        found: dict[str, Checks] = {}
        while True:
            page: Any = aws.call("Query", lambda: self._client.query(**query))
            found |= {item["sk"]["S"]: _checks(_body(item)) for item in page["Items"]}
            if "LastEvaluatedKey" not in page:
                return found
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def save(self, model: str, check: str, result: dict[str, Any]) -> None:
        """Puts one result beside the model's others, also where another run writes at the same time."""
        key = {"pk": {"S": "status"}, "sk": {"S": model}}
        for _ in range(_ATTEMPTS):
            answer: Any = aws.call(
                "GetItem", lambda: self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
            )
            before = _body(answer.get("Item", {}))
            checks = _checks(before) | {check: result}
            body = json.dumps({"model": model, "checks": checks}, ensure_ascii=False, separators=(",", ":"))
            if self._replace(key, before, body):
                return
        raise Unavailable("UpdateItem: the result was overtaken again and again")

    def _replace(self, key: dict[str, Any], before: str | None, body: str) -> bool:
        """Whether the body was still the one that the new one was made from."""
        now = int(self._clock())
        values = {":body": {"S": body}, ":now": {"N": str(now)}, ":end": {"N": str(now + _KEEP_SECONDS)}}
        if before is not None:
            values[":before"] = {"S": before}
        answer = aws.call(
            "UpdateItem",
            lambda: self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET body = :body, checked_at = :now, expires_at = :end",
                ConditionExpression="attribute_not_exists(body)" if before is None else "body = :before",
                ExpressionAttributeValues=values,
            ),
            expected=_REFUSED,
        )
        return answer is not None


def _body(item: dict[str, Any]) -> str | None:
    body = item.get("body", {}).get("S")
    return None if body is None else str(body)


def _checks(body: str | None) -> Checks:
    try:
        checks = json.loads(body or "{}")["checks"]
        return {str(name): check for name, check in checks.items() if isinstance(check, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
