"""Whether the settings in the SSM parameter that SETTINGS_PARAM_NAME names can be used: a gateway keeps its last good ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from app.settings import Settings, SettingsError
from app.settings.kept import merged
from app.stores.parameters import parameter
from app.stores.secrets import Unavailable
from local.doctor.account import NoAnswer
from local.doctor.findings import Findings

CHECK = "settings"


def examine(findings: Findings, environ: Mapping[str, str], client: Callable[[str, str | None], Any]) -> None:
    """One finding, with the names that are set and never a value. `client` makes one of a service, in a region or its own."""
    name = environ.get("SETTINGS_PARAM_NAME", "").strip()
    try:
        text = parameter(name, client)
    except NoAnswer as problem:
        findings.add(CHECK, "skipped", str(problem), problem.advice)
        return
    except Unavailable as problem:
        advice = "The function may read what SettingsParamName names; you need ssm:GetParameter for it: docs/deploy.md."
        findings.add(CHECK, "failed", f"{name}: {problem}", advice)
        return
    try:
        merged(text, Settings.from_env({}))
    except SettingsError as problem:
        findings.add(
            CHECK,
            "failed",
            f"{name}: {problem}",
            "A running gateway keeps the last good ones, a new one refuses requests.",
        )
        return
    names = sorted(each.upper() for each in json.loads(text or "{}"))
    findings.add(CHECK, "ok", f"{name} sets {', '.join(names) or 'nothing'}; parameters of the stack go before it")
