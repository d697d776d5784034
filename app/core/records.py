"""What the directory keeps: keys, projects and their limits. Times in epoch seconds, money in nano-USD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.access import DEFAULT_PROJECT, Access, Alert, Budget, Rates


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is kept. Times in epoch seconds. `account`: the service account that owns it, empty for none.

    `redacted` is what may be shown of it; `version` counts its changes.
    """

    id: str
    name: str
    project: str = DEFAULT_PROJECT
    account: str = ""
    user: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    access: Access = Access()
    rates: Rates = Rates()
    budget: Budget | None = None
    created_at: int = 0
    expires_at: int | None = None
    disabled: bool = False
    last_used_at: int | None = None
    redacted: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class AdminKey:
    """A key for the admin routes and nothing else."""

    id: str
    name: str
    created_at: int = 0
    expires_at: int | None = None
    last_used_at: int | None = None
    redacted: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A team. `rates`: by base model id, `*` for all models together."""

    id: str
    name: str
    created_at: int = 0
    archived_at: int | None = None
    budget: Budget | None = None
    alerts: tuple[Alert, ...] = ()
    rates: Mapping[str, Rates] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    id: str
    name: str
    project: str
    created_at: int = 0
    role: str = "member"


@dataclass(frozen=True, slots=True)
class Organization:
    """Limits over everything."""

    budget: Budget | None = None
    alerts: tuple[Alert, ...] = ()
    version: int = 0
