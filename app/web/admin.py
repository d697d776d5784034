"""The door of the admin routes: an admin key opens it, and nothing else does. Paced, and every change is noted.

Paces are per process: they keep a runaway script, or somebody who tries keys, from the table. They are no budget.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from app.core.ports import Caller, Keys
from app.errors import GatewayError, PermissionDenied, RateLimited, Unauthenticated
from app.web.asgi import Request
from app.web.auth import presented_keys
from app.web.body import parse_json, read_body
from app.web.content_coding import codings_of, decode_body

if TYPE_CHECKING:
    from app.core.directory import Audit

log = logging.getLogger("gateway.audit")
"""Messages on it are JSON objects."""

REQUESTS_PER_MINUTE = 300
FAILURES_PER_MINUTE = 30
BODY_LIMIT = 64 * 1024
"""Bytes. The longest sensible body, a key with all its limits, is a tenth of that."""

_MISSING = (
    "You didn't provide an admin key. Provide it in an Authorization header with Bearer auth "
    "(Authorization: Bearer YOUR_ADMIN_KEY)."
)
_ORDINARY = "This route needs an admin key; the key presented is an ordinary one."


class Pace:
    """So many per minute and name, counted in minutes of the clock; the names that were heard of last are kept."""

    def __init__(self, most: int, clock: Callable[[], float] = time.time, names: int = 4096) -> None:
        self._most = most
        self._clock = clock
        self._names = names
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until `name` may go on; 0 for now."""
        now = self._clock()
        minute, count = self._seen.get(name, (0, 0))
        return 60 - now % 60 if minute == now // 60 and count >= self._most else 0

    def take(self, name: str) -> float:
        """Count one, and say as `wait` does whether it was one too many."""
        wait = self.wait(name)
        minute = int(self._clock() // 60)
        before, count = self._seen.pop(name, (minute, 0))
        self._seen[name] = (minute, count + 1 if before == minute else 1)
        if len(self._seen) > self._names:
            self._seen.popitem(last=False)
        return wait


class AdminDoor:
    """Lets admins in. `admins` knows their keys, `keys` all others, so that these can be told why they stay outside.

    `write` keeps audit entries. `clock`: epoch seconds.
    """

    def __init__(
        self,
        admins: Keys,
        keys: Keys,
        *,
        write: Callable[[Audit], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._admins = admins
        self._keys = keys
        self._write = write
        self._clock = clock
        self._requests = Pace(REQUESTS_PER_MINUTE, clock)
        self._failures = Pace(FAILURES_PER_MINUTE, clock)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    async def enter(self, request: Request) -> Caller:
        """The admin. Raises Unauthenticated 401, PermissionDenied 403 (an ordinary key),
        RateLimited 429, and what the ports raise (503)."""
        presented = presented_keys(request.scope["headers"])
        if not presented:
            raise Unauthenticated(_MISSING)
        source = _source(request)
        wait = self._failures.wait(source)
        if wait and not any(_digest(key) in self._known for key in presented):
            # Who came in before comes in again, whatever others do behind the same address.
            raise _too_many("failed attempts to use the admin routes", wait)
        shut: Unauthenticated | None = None
        for key in presented:
            try:
                admin = await self._admins.authenticate(key)
            except Unauthenticated as problem:  # an admin key that has expired
                shut = problem
                continue
            if admin is not None:
                return self._welcomed(admin, key)
        self._failures.take(source)
        raise shut or await self._refusal(presented, request)

    async def body(self, request: Request, *, optional: bool = False) -> Any:
        """The JSON body; an `optional` one that is empty counts as `{}`. Raises InvalidRequest and TooLarge."""
        codings = codings_of(request.scope["headers"])
        body = decode_body(await read_body(request.receive, BODY_LIMIT), codings, BODY_LIMIT)
        return {} if optional and not body.strip() else parse_json(body)

    async def note(
        self, request: Request, admin: Caller, action: str, target: str, detail: Mapping[str, str] | None = None
    ) -> None:
        """Write down what was done: in the log and in the table. `detail` names things and holds no secrets.

        What was done is done: where the table does not take the entry, the log line stands alone.
        """
        from app.core.directory import Audit

        entry = Audit(self._clock(), admin.key_id, action, target, request.scope["state"]["request_id"], detail or None)
        _tell(entry, _source(request))
        if self._write is None:
            return
        try:
            await self._write(entry)
        except GatewayError as problem:
            logging.getLogger(__name__).warning("an audit entry could not be kept: %s", problem.code)

    def _welcomed(self, admin: Caller, key: str) -> Caller:
        self._known[_digest(key)] = None
        self._known.move_to_end(_digest(key))
        if len(self._known) > 64:
            self._known.popitem(last=False)
        wait = self._requests.take(admin.key_id)
        if wait:
            raise _too_many("requests with this admin key", wait)
        return admin

    async def _refusal(self, presented: list[str], request: Request) -> GatewayError:
        from app.core.directory import Audit

        for key in presented:
            self._known.pop(_digest(key), None)
            try:
                caller = await self._keys.authenticate(key)
            except GatewayError:  # whose it is can't be told now; an admin's it is not
                continue
            if caller is not None:
                request_id = request.scope["state"]["request_id"]
                _tell(Audit(self._clock(), caller.key_id, "login.failed", "", request_id), _source(request))
                return PermissionDenied(_ORDINARY, code="admin_key_required")
        return Unauthenticated("Incorrect admin key provided.")


def _tell(entry: Audit, source: str) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(entry.at))
    line = {
        "event": "audit",
        "timestamp": f"{at}.{int(entry.at % 1 * 1000):03}Z",
        "action": entry.action,
        "actor": entry.actor,
        "target": entry.target,
        "request_id": entry.request_id,
        "source": source,
        "detail": entry.detail,
    }
    log.info("%s", to_json({name: value for name, value in line.items() if value}).decode())


def _too_many(what: str, wait: float) -> RateLimited:
    return RateLimited(f"Too many {what}. Try again in {max(1, round(wait))} seconds.", retry_after=wait)


def _source(request: Request) -> str:
    client = request.scope.get("client")
    return str(client[0])[:64] if client else ""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
