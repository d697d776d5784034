"""The admin routes under `/organization`, as openai-python's `client.admin.organization` calls them.

Only the paths are known at the start: what stands behind them is imported by the first admin request, since few processes
ever see one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic_core import to_json

from app.core.ports import Models
from app.web.admin import AdminDoor
from app.web.asgi import Endpoint, Request, Response
from app.web.operation import Operation, body_in

if TYPE_CHECKING:
    from app.api.keys.desk import Desk
    from app.core.directory import Directory, Spending

_PROJECT = "/organization/projects/{project}"
_ACCOUNTS = f"{_PROJECT}/service_accounts"
_KEYS = f"{_PROJECT}/api_keys"

_ROUTES = (
    ("GET", "/organization/admin_api_keys", "admin_keys.list", "List admin API keys"),
    ("POST", "/organization/admin_api_keys", "admin_keys.create", "Create an admin API key"),
    ("GET", "/organization/admin_api_keys/{key}", "admin_keys.retrieve", "Retrieve an admin API key"),
    ("DELETE", "/organization/admin_api_keys/{key}", "admin_keys.delete", "Delete an admin API key"),
    ("GET", "/organization/projects", "projects.list", "List projects"),
    ("POST", "/organization/projects", "projects.create", "Create a project"),
    ("GET", _PROJECT, "projects.retrieve", "Retrieve a project"),
    ("POST", _PROJECT, "projects.update", "Rename a project"),
    ("POST", f"{_PROJECT}/archive", "projects.archive", "Archive a project: its keys open nothing any more"),
    ("GET", _ACCOUNTS, "service_accounts.list", "List the service accounts of a project"),
    ("POST", _ACCOUNTS, "service_accounts.create", "Create a service account and its first key"),
    ("GET", f"{_ACCOUNTS}/{{account}}", "service_accounts.retrieve", "Retrieve a service account"),
    ("POST", f"{_ACCOUNTS}/{{account}}", "service_accounts.update", "Update a service account"),
    ("DELETE", f"{_ACCOUNTS}/{{account}}", "service_accounts.delete", "Delete a service account and its keys"),
    ("POST", f"{_ACCOUNTS}/{{account}}/api_keys", "service_accounts.create_key", "Create a key"),
    ("GET", _KEYS, "api_keys.list", "List the keys of a project"),
    ("GET", f"{_KEYS}/{{key}}", "api_keys.retrieve", "Retrieve a key"),
    ("POST", f"{_KEYS}/{{key}}", "api_keys.update", "Change what a key may do"),
    ("POST", f"{_KEYS}/{{key}}/rotate", "api_keys.rotate", "Give a key a new secret"),
    ("DELETE", f"{_KEYS}/{{key}}", "api_keys.delete", "Delete a key"),
    ("GET", f"{_PROJECT}/rate_limits", "rate_limits.list", "List the rate limits of a project"),
    ("POST", f"{_PROJECT}/rate_limits/{{limit}}", "rate_limits.update", "Set a rate limit"),
    *(
        (method, f"{owner}/{path}", name, f"{summary} {whose}")
        for owner, whose in (("/organization", "of the organization"), (_PROJECT, "of a project"))
        for method, path, name, summary in (
            ("GET", "spend_limit", "spend_limit.retrieve", "Retrieve the spend limit"),
            ("POST", "spend_limit", "spend_limit.update", "Set the spend limit"),
            ("DELETE", "spend_limit", "spend_limit.delete", "Remove the spend limit"),
            ("GET", "spend_alerts", "spend_alerts.list", "List the spend alerts"),
            ("POST", "spend_alerts", "spend_alerts.create", "Create a spend alert"),
            ("GET", "spend_alerts/{alert}", "spend_alerts.retrieve", "Retrieve a spend alert"),
            ("POST", "spend_alerts/{alert}", "spend_alerts.update", "Replace a spend alert"),
            ("DELETE", "spend_alerts/{alert}", "spend_alerts.delete", "Delete a spend alert"),
        )
    ),
    ("GET", "/organization/audit_logs", "audit_logs.list", "List what was changed, newest first"),
)

_BODIES = {
    "admin_keys.create": "AdminKeyCreate",
    "projects.create": "ProjectCreate",
    "projects.update": "ProjectUpdate",
    "service_accounts.create": "AccountCreate",
    "service_accounts.update": "AccountUpdate",
    "service_accounts.create_key": "KeyFields",
    "api_keys.update": "KeyFields",
    "api_keys.rotate": "KeyRotate",
    "rate_limits.update": "RateLimitUpdate",
    "spend_limit.update": "SpendLimit",
    "spend_alerts.create": "SpendAlert",
    "spend_alerts.update": "SpendAlert",
}


def operations(
    directory: Directory,
    spending: Spending,
    door: AdminDoor,
    models: Models | None,
    *,
    clock: Callable[[], float] = time.time,
) -> tuple[Operation, ...]:
    made: list[Desk] = []

    def desk() -> Desk:
        if not made:
            from app.api.keys.desk import Desk

            made.append(Desk(directory, spending, models, clock))
        return made[0]

    def endpoint(name: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            admin = await door.enter(request)
            from app.api.keys.desk import Asked
            from app.api.keys.handlers import HANDLERS

            body = await HANDLERS[name](desk(), Asked(door, admin, request))
            return Response(to_json(body), media_type="application/json", headers={"cache-control": "no-store"})

        answer.__name__ = name.replace(".", "_")
        return answer

    return tuple(
        Operation(method, path, endpoint(name), summary, body_in("app.api.keys.schema", _BODIES.get(name)))
        for method, path, name, summary in _ROUTES
    )
