"""Strangers at the admin routes, and admins whose programs are broken: every route, every odd body, never a 5xx."""

from __future__ import annotations

from typing import Any, cast

import pytest

from app.api.keys.route import operations
from tests.unit.api.keys.serving import ORDINARY, Admin, Gateway

IDS = {"project": "proj_default", "account": "svc_1", "limit": "rl-default", "alert": "a"}
ROUTES = [
    (each.method, each.path.format(**IDS, key="adm_1" if "admin" in each.path else "key_1"))
    for each in operations(*[cast(Any, None)] * 4)
]


def state(gateway: Gateway) -> list[dict[str, Any]]:
    """Returns what the table holds, without the time at which a key was last used."""
    return [{name: value for name, value in item.items() if name != "last_used_at"} for item in gateway.table.dump()]


@pytest.mark.parametrize("key", [ORDINARY, "sk-nobody", ""])
async def test_no_route_is_open(gateway: Gateway, admin: Admin, key: str) -> None:
    made = await admin.key()
    before = state(gateway)
    for presented in (key, made["value"]) if key == ORDINARY else (key,):
        for method, path in ROUTES:
            gateway.now += 60  # a new minute, a new pace
            headers = {"authorization": f"Bearer {presented}"}
            body = b'{"name": "x"}' if method == "POST" else None
            reply = await admin.http.request(method, path, content=body, headers=headers)
            assert reply.status_code == (403 if key == ORDINARY else 401), (method, path)
            assert reply.json()["error"]["code"] in ("admin_key_required", "invalid_api_key")
    assert state(gateway) == before, "nothing was changed"


BODIES: list[bytes] = [
    b"", b"[]", b"null", b"1", b'"x"', b"{", b"\xff\xfe", b"{}", b'{"name": null}', b'{"name": []}', b'{"name": {}}',
    b'{"name": "a", "name": 1}', b'{"name": "\\ud800"}', b'{"name": "\\u0000"}', b'{"name": "a", "tags": []}',
    b'{"name": "a", "spend_limit": 5}', b'{"name": "a", "spend_limit": {"threshold_amount": 1e400}}',
    b'{"name": "a", "spend_limit": {"amount_usd": 1e308}}', b'{"name": "a", "max_tokens": 123456789012345678901234567890}',
    b'{"name": "a", "expires_in_seconds": -1}', b'{"name": "a", "expires_in_seconds": 1e300}',
    b'{"name": "a", "models": [[[[]]]]}', b'{"name": "a", "\\u0000": 1}', b'{"name": "a", "": 1}',
    b'{"threshold_amount": "5"}', b'{"threshold_amount": -1}', b'{"threshold_amount": 5, "notification_channel": []}',
    b'{"threshold_amount": 5, "enforcement": [[]]}', b'{"threshold_amount": 5, "enforcement": {"mode": {"mode": 1}}}',
    b'{"max_requests_per_1_minute": NaN}', b'{"max_requests_per_1_minute": 0.1}', b'{"role": 5}',
    b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"grace_seconds": 1e99}', b"x" * 70_000,
]  # fmt: skip


async def test_no_body_breaks_a_route(gateway: Gateway, admin: Admin) -> None:
    for method, path in ROUTES:
        gateway.now += 60  # a new minute, a new pace
        for body in BODIES if method == "POST" else ():
            reply = await admin.http.post(path, content=body)
            assert reply.status_code < 500, (path, body[:80], reply.text)
            if reply.status_code >= 400:
                assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "after=%00", "order=%F0%9F", "x=1", "after=a&after=b", "limit[]=5"]
)
async def test_no_query_breaks_a_list(admin: Admin, query: str) -> None:
    for method, path in ROUTES:
        if method == "GET" and path.endswith("s"):
            assert (await admin.http.get(f"{path}?{query}")).status_code == 400, path
