"""The results in the table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.canary.errors import Unavailable
from app.canary.matrix import Matrix
from tests.unit.canary.conftest import TABLE

OK = {"status": "ok", "ms": 12, "detail": "2 calls", "at": 1000}
FAILED = {"status": "failed", "ms": None, "detail": "tüv — no", "at": 2000}


def item(table: Any, model: str) -> Any:
    return table.get_item(TableName=TABLE, Key={"pk": {"S": "status"}, "sk": {"S": model}})["Item"]


def put(table: Any, model: str, body: str) -> None:
    table.put_item(TableName=TABLE, Item={"pk": {"S": "status"}, "sk": {"S": model}, "body": {"S": body}})


def test_results_stand_beside_one_another(table: Any) -> None:
    matrix = Matrix(table, TABLE, lambda: 5000.9)
    matrix.save("m1", "tools", OK)
    matrix.save("m1", "image", FAILED)
    matrix.save("m2", "tools", OK)
    matrix.save("m1", "tools", OK | {"at": 3000})
    assert matrix.read() == {"m1": {"tools": OK | {"at": 3000}, "image": FAILED}, "m2": {"tools": OK}}
    kept = item(table, "m1")
    assert json.loads(kept["body"]["S"])["model"] == "m1"
    assert (kept["checked_at"], kept["expires_at"]) == ({"N": "5000"}, {"N": str(5000 + 90 * 86400)})


@pytest.mark.parametrize("body", ["", "no json", "[]", '{"checks": []}', '{"checks": {"tools": 5}}', "[" * 100_000])
def test_a_body_of_another_hand_is_replaced(table: Any, body: str) -> None:
    matrix = Matrix(table, TABLE)
    put(table, "m1", body)
    assert matrix.read() == {"m1": {}}
    matrix.save("m1", "tools", OK)
    assert matrix.read() == {"m1": {"tools": OK}}


def test_an_item_without_a_body_is_filled(table: Any) -> None:
    table.put_item(TableName=TABLE, Item={"pk": {"S": "status"}, "sk": {"S": "m1"}})
    Matrix(table, TABLE).save("m1", "tools", OK)
    assert Matrix(table, TABLE).read() == {"m1": {"tools": OK}}


class Overtaken:
    """A client before whose every write another run writes; `times` of them."""

    def __init__(self, client: Any, times: int) -> None:
        self._client = client
        self._left = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_item(self, **arguments: Any) -> Any:
        if self._left:
            self._left -= 1
            Matrix(self._client, TABLE).save("m1", f"other{self._left}", OK)
        return self._client.update_item(**arguments)


def test_a_run_at_the_same_time_loses_nothing(table: Any) -> None:
    Matrix(Overtaken(table, 2), TABLE).save("m1", "tools", OK)
    assert Matrix(table, TABLE).read()["m1"].keys() == {"tools", "other0", "other1"}


def test_being_overtaken_for_ever_is_told(table: Any) -> None:
    with pytest.raises(Unavailable, match="overtaken"):
        Matrix(Overtaken(table, 99), TABLE).save("m1", "tools", OK)


def test_more_than_a_page_is_read(table: Any) -> None:
    for number in range(4):
        put(table, f"m{number}", json.dumps({"checks": {"tools": OK}, "padding": "x" * 390_000}))
    assert Matrix(table, TABLE).read().keys() == {"m0", "m1", "m2", "m3"}
