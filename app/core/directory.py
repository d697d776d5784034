"""The port of the control plane: keys, projects and their limits. Implemented over the table in `stores/directory/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.core.access import Budget, Interval
from app.core.records import AdminKey, KeyRecord, Organization, Project, ServiceAccount


@dataclass(frozen=True, slots=True)
class Audit:
    """One change made by somebody. `at`: epoch seconds; `detail` names fields, never secrets."""

    at: float
    actor: str
    action: str
    target: str
    request_id: str = ""
    detail: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a ledger holds in one window, in nano-USD. `reserved`: by requests under way or never settled."""

    spent: int
    reserved: int
    window: str
    resets_at: int


class Spending(Protocol):
    """The ledgers behind budgets."""

    async def spent(self, kind: str, id: str, interval: Interval) -> Spent:
        """Zero where nothing was counted."""
        ...

    async def begin(self, kind: str, id: str, budget: Budget) -> None:
        """A budget is about to be set: what was spent in its window counts, once, and so does what is spent until the
        limit is known everywhere. Raises TableUnavailable."""
        ...


class Directory(Protocol):
    """Everything is listed oldest first. Methods that change something raise NotFound for what is not there, a
    GatewayError 409 `conflict` where somebody else changed it since it was read (`version`), TableUnavailable (503).

    `create_*` and `rotate_key` return the secret beside the record: the only time that it can be had.
    """

    async def keys(self, project: str = "") -> Sequence[KeyRecord]: ...

    async def key(self, id: str) -> KeyRecord | None: ...

    async def create_key(self, record: KeyRecord) -> tuple[KeyRecord, str]:
        """`id`, `created_at`, `redacted` and `version` of `record` are filled in."""
        ...

    async def update_key(self, record: KeyRecord) -> KeyRecord: ...

    async def rotate_key(self, id: str, *, grace: int = 0) -> tuple[KeyRecord, str]:
        """A new secret under the same id; the old one opens for `grace` more seconds."""
        ...

    async def delete_key(self, id: str) -> None: ...

    async def admin_keys(self) -> Sequence[AdminKey]: ...

    async def admin_key(self, id: str) -> AdminKey | None: ...

    async def create_admin_key(self, name: str, *, expires_at: int | None = None) -> tuple[AdminKey, str]: ...

    async def delete_admin_key(self, id: str) -> None: ...

    async def projects(self) -> Sequence[Project]:
        """The default project is always among them."""
        ...

    async def project(self, id: str) -> Project | None: ...

    async def create_project(self, name: str) -> Project: ...

    async def update_project(self, project: Project) -> Project:
        """Archiving sets `archived_at`; keys of an archived project open nothing."""
        ...

    async def accounts(self, project: str) -> Sequence[ServiceAccount]: ...

    async def account(self, id: str) -> ServiceAccount | None: ...

    async def create_account(self, project: str, name: str, *, role: str = "member") -> ServiceAccount: ...

    async def update_account(self, account: ServiceAccount) -> ServiceAccount: ...

    async def delete_account(self, id: str) -> None:
        """Its keys go with it."""
        ...

    async def organization(self) -> Organization: ...

    async def update_organization(self, organization: Organization) -> Organization: ...

    async def write_audit(self, entry: Audit) -> None: ...

    async def audit(self, *, limit: int = 100) -> Sequence[Audit]:
        """Newest first."""
        ...
