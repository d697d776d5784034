"""Which handler stands behind which route. Loaded with the first admin request, and not by a cold start."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.keys import accounts, admin_keys, audit_logs, project_keys, projects, rates, spend
from app.api.keys.desk import Handler

HANDLERS: Mapping[str, Handler] = {
    "admin_keys.list": admin_keys.list_all,
    "admin_keys.create": admin_keys.create,
    "admin_keys.retrieve": admin_keys.retrieve,
    "admin_keys.delete": admin_keys.delete,
    "projects.list": projects.list_all,
    "projects.create": projects.create,
    "projects.retrieve": projects.retrieve,
    "projects.update": projects.update,
    "projects.archive": projects.archive,
    "service_accounts.list": accounts.list_all,
    "service_accounts.create": accounts.create,
    "service_accounts.retrieve": accounts.retrieve,
    "service_accounts.update": accounts.update,
    "service_accounts.delete": accounts.delete,
    "service_accounts.create_key": accounts.create_key,
    "api_keys.list": project_keys.list_all,
    "api_keys.retrieve": project_keys.retrieve,
    "api_keys.update": project_keys.update,
    "api_keys.rotate": project_keys.rotate,
    "api_keys.delete": project_keys.delete,
    "rate_limits.list": rates.list_all,
    "rate_limits.update": rates.update,
    "spend_limit.retrieve": spend.retrieve_limit,
    "spend_limit.update": spend.update_limit,
    "spend_limit.delete": spend.delete_limit,
    "spend_alerts.list": spend.list_alerts,
    "spend_alerts.create": spend.create_alert,
    "spend_alerts.retrieve": spend.retrieve_alert,
    "spend_alerts.update": spend.update_alert,
    "spend_alerts.delete": spend.delete_alert,
    "audit_logs.list": audit_logs.list_all,
}
