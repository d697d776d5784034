"""The emulator's own HTTP API under `/_emulator/`: scripts in, recorded requests out."""

import json
from collections.abc import Callable

from local.emulator.errors import json_reply, whole_reply
from local.emulator.messages import Reply, Request
from local.emulator.record import Journal
from local.emulator.script import Scripts


class ControlApi:
    """`POST script` adds an entry or a list of them, `GET requests` lists, `DELETE requests` resets everything."""

    def __init__(self, journal: Journal, scripts: Scripts, reset: Callable[[], None]) -> None:
        self._journal = journal
        self._scripts = scripts
        self._reset = reset

    def answer(self, request: Request) -> Reply:
        """The reply to a control request; 400 for a script that is no JSON, 404 for anything unknown."""
        asked = f"{request.method} {request.path.removeprefix('/_emulator/')}"
        if asked == "GET requests":
            return json_reply([entry.as_json() for entry in self._journal.entries()])
        if asked == "POST script":
            return self._script(request.body)
        if asked in ("DELETE requests", "DELETE script"):
            self._reset()
            return json_reply({})
        return whole_reply(404, b'{"message": "GET requests, POST script or DELETE requests"}', {})

    def _script(self, raw: bytes) -> Reply:
        try:
            entries = json.loads(raw)
        except ValueError:
            return whole_reply(400, b'{"message": "a script is a JSON object or a list of them"}', {})
        listed = entries if isinstance(entries, list) else [entries]
        if not all(isinstance(entry, dict) for entry in listed):
            return whole_reply(400, b'{"message": "a script is a JSON object or a list of them"}', {})
        self._scripts.add(listed)
        return json_reply({"added": len(listed)})
