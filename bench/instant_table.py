"""A table that answers at once: DynamoDB's protocol, as far as this gateway speaks it, over the table in memory.

moto takes milliseconds for an answer, in which the gateway's process falls asleep and its caches cool: then the same two
writes cost twice the CPU. This one tells what the gateway itself does for them. `python -m bench.instant_table PORT`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

from pydantic_core import from_json, to_json

from app.core.table import Absent, AtMost, Condition, Equal, Present, Refused
from app.stores.table.expressions import attributes, item
from app.stores.table.memory import MemoryTable

TABLE = MemoryTable()
_TEST = re.compile(
    r"attribute_not_exists\((#\d+)\)|attribute_exists\((#\d+)\)|(#\d+) = (:\d+)"
    r"|\(attribute_not_exists\((#\d+)\) OR #\d+ <= (:\d+)\)"
)
_CLAUSE = re.compile(r"(SET|ADD|REMOVE) (.*?)(?= (?:SET|ADD|REMOVE) |\Z)")


class Server(asyncio.Protocol):
    """One kept connection; requests come one at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if not end or length is None or len(body) < int(length[1]):
            return
        self._buffer = body[int(length[1]) :]
        operation = head.partition(b"DynamoDB_20120810.")[2].partition(b"\r\n")[0].decode()
        work = answer(operation, from_json(body[: int(length[1])]))
        try:
            work.send(None)  # the table in memory never waits
        except StopIteration as done:
            status, said = done.value
        text = to_json(said)
        self._transport.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(text)) + text)


async def answer(operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    key = item(request.get("Key", {}))
    pk, sk = str(key.get("pk", "")), str(key.get("sk", ""))
    words = _Words(request)
    try:
        match operation:
            case "GetItem":
                found = await TABLE.get(pk, sk)
                return 200, {"Item": attributes(found)} if found else {}
            case "PutItem":
                given = item(request["Item"])
                await TABLE.put(str(given["pk"]), str(given["sk"]), given, when=words.conditions())
                return 200, {}
            case "UpdateItem":
                after = await TABLE.update(pk, sk, **words.changes(), when=words.conditions())
                return 200, {"Attributes": attributes(after)}
            case "Query":
                return 200, {"Items": [attributes(each) for each in await TABLE.query(words.partition())]}
    except Refused as refusal:
        held = {"Item": attributes(refusal.item)} if refusal.item else {}
        return 400, {"__type": "x#ConditionalCheckFailedException"} | held
    return 400, {"__type": "x#ValidationException"}


class _Words:
    """The expressions of a request (`app/stores/table/expressions.py`), read back."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._names = request.get("ExpressionAttributeNames", {})
        self._values = item(request.get("ExpressionAttributeValues", {}))

    def partition(self) -> str:
        return str(self._values[":0"])

    def conditions(self) -> list[Condition]:
        found: list[Condition] = []
        for test in _TEST.finditer(self._request.get("ConditionExpression", "")):
            if test[5]:
                found.append(AtMost(self._names[test[5]], int(self._values[test[6]])))
            elif test[3]:
                found.append(Equal(self._names[test[3]], self._values[test[4]]))
            else:
                found.append(Absent(self._names[test[1]]) if test[1] else Present(self._names[test[2]]))
        return found

    def changes(self) -> dict[str, Any]:
        found: dict[str, Any] = {"set": {}, "add": {}, "remove": []}
        for clause in _CLAUSE.finditer(self._request.get("UpdateExpression", "")):
            for part in clause[2].split(", "):
                name, *value = part.replace(" = ", " ").split(" ")
                if value:
                    found[clause[1].lower()][self._names[name]] = self._values[value[0]]
                else:
                    found["remove"].append(self._names[name])
        return found


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
