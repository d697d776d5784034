"""Exact answers set beforehand, for the cases that no marker covers.

An entry is a mapping; all of its members may be left out:

- `operation`: answer only this operation (`ConverseStream`); without it, the next request of any but the listings.
- `status`, `headers`, `body`: a whole reply; `body` is text, or any JSON value that is sent as JSON.
- `events`: a stream instead of a body. Each item is one of
  `{"type": "messageStop", "payload": {...}}` an event,
  `{"exception": "throttlingException", "message": "..."}` a modelled exception,
  `{"error": "SomeCode", "message": "..."}` an error that the service model does not know,
  `{"raw": "<base64>"}` bytes as they are,
  `{"cut": true}` the connection closes, `{"hang": true}` silence from here on;
  and any of them may have `"wait": seconds` before it.
- `wait`: seconds before a whole reply.
"""

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from local import eventstream
from local.emulator.errors import standard_headers, whole_reply
from local.emulator.messages import Act, Reply, Step

Entry = Mapping[str, Any]


class Scripts:
    """Entries in the order in which they will be used."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def add(self, entries: Iterable[Entry]) -> None:
        """Puts entries behind those that wait."""
        self._entries += entries

    def clear(self) -> None:
        """Drops what was not used."""
        self._entries.clear()

    def take(self, operation: str) -> Reply | None:
        """The reply of the first entry meant for this operation; None when there is none."""
        for position, entry in enumerate(self._entries):
            wanted = entry.get("operation")
            if wanted == operation or (wanted is None and not operation.startswith(("List", "Get"))):
                del self._entries[position]
                return reply_of(entry)
        return None


def reply_of(entry: Entry) -> Reply:
    """An entry as a reply."""
    status = int(entry.get("status", 200))
    headers: dict[str, str] = dict(entry.get("headers", {}))
    if "events" in entry:
        all_headers = standard_headers(eventstream.CONTENT_TYPE) | headers
        return Reply(status, all_headers, iter([_step(item) for item in entry["events"]]), chunked=True)
    body = entry.get("body", "")
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return whole_reply(status, raw, headers, float(entry.get("wait", 0)))


def _step(item: Entry) -> Step:
    wait = float(item.get("wait", 0))
    if item.get("cut"):
        return Step(wait=wait, act=Act.CUT)
    if item.get("hang"):
        return Step(wait=wait, act=Act.HANG)
    if "raw" in item:
        raw = item["raw"]
        return Step(raw if isinstance(raw, bytes) else b64decode(raw), wait)
    return Step(_frame(item), wait, 1)


def _frame(item: Entry) -> bytes:
    if "exception" in item:
        payload = {"message": item.get("message", "")}
        return eventstream.encode_exception(item["exception"], json.dumps(payload).encode())
    if "error" in item:
        return eventstream.encode_error(item["error"], item.get("message", ""))
    return eventstream.encode(item["type"], json.dumps(item.get("payload", {})).encode())
