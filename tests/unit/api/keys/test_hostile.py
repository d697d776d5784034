"""Strangers at the admin routes, and admins whose programs are broken: every route, every odd body, never a 5xx."""

from __future__ import annotations

import json

import pytest

from app.api.keys.route import _ROUTES
from tests.unit.api.keys.serving import ORDINARY, Admin, Gateway

ROUTES = [
    ("GET", "admin_api_keys"), ("POST", "admin_api_keys"), ("GET", "admin_api_keys/adm_1"),
    ("DELETE", "admin_api_keys/adm_1"), ("GET", "projects"), ("POST", "projects"), ("GET", "projects/proj_default"),
    ("POST", "projects/proj_default"), ("POST", "projects/proj_default/archive"),
    ("GET", "projects/proj_default/service_accounts"), ("POST", "projects/proj_default/service_accounts"),
    ("GET", "projects/proj_default/service_accounts/svc_1"), ("POST", "projects/proj_default/service_accounts/svc_1"),
    ("DELETE", "projects/proj_default/service_accounts/svc_1"),
    ("POST", "projects/proj_default/service_accounts/svc_1/api_keys"), ("GET", "projects/proj_default/api_keys"),
    ("GET", "projects/proj_default/api_keys/key_1"), ("POST", "projects/proj_default/api_keys/key_1"),
    ("POST", "projects/proj_default/api_keys/key_1/rotate"), ("DELETE", "projects/proj_default/api_keys/key_1"),
    ("GET", "projects/proj_default/rate_limits"), ("POST", "projects/proj_default/rate_limits/rl-default"),
    *((method, f"{owner}{path}") for owner in ("", "projects/proj_default/") for method, path in (
        ("GET", "spend_limit"), ("POST", "spend_limit"), ("DELETE", "spend_limit"), ("GET", "spend_alerts"),
        ("POST", "spend_alerts"), ("GET", "spend_alerts/a"), ("POST", "spend_alerts/a"), ("DELETE", "spend_alerts/a"))),
    ("GET", "audit_logs"),
]  # fmt: skip


@pytest.mark.parametrize("key", [ORDINARY, "sk-nobody", ""])
async def test_no_route_is_open(gateway: Gateway, admin: Admin, key: str) -> None:
    made = await admin.key()
    before = json.dumps(gateway.table._items, default=str)
    for presented in (key, made["value"]) if key == ORDINARY else (key,):
        for method, path in ROUTES:
            gateway.now += 60  # a new minute, a new pace
            headers = {"authorization": f"Bearer {presented}"}
            body = b'{"name": "x"}' if method == "POST" else None
            reply = await admin.http.request(method, f"/organization/{path}", content=body, headers=headers)
            assert reply.status_code == (403 if key == ORDINARY else 401), (method, path)
            assert reply.json()["error"]["code"] in ("admin_key_required", "invalid_api_key")
    kept = json.loads(json.dumps(gateway.table._items, default=str))
    kept["key"][made["id"]].pop("last_used_at", None)
    assert kept == json.loads(before), "nothing was changed"


def test_every_route_is_among_those_tried() -> None:
    names = {"adm_1": "{key}", "svc_1": "{account}", "key_1": "{key}", "rl-default": "{limit}", "a": "{alert}"}
    names["proj_default"] = "{project}"
    tried = {
        (method, "/organization/" + "/".join(names.get(part, part) for part in path.split("/")))
        for method, path in ROUTES
    }
    assert tried == {(method, path) for method, path, *_ in _ROUTES}


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
            reply = await admin.http.post(f"/organization/{path}", content=body)
            assert reply.status_code < 500, (path, body[:80], reply.text)
            if reply.status_code >= 400:
                assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "after=%00", "order=%F0%9F", "x=1", "after=a&after=b", "limit[]=5"]
)
async def test_no_query_breaks_a_list(admin: Admin, query: str) -> None:
    for method, path in ROUTES:
        if method == "GET" and path.endswith("s"):
            assert (await admin.http.get(f"/organization/{path}?{query}")).status_code == 400, path
