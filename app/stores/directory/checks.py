"""What a record may hold. Every check raises InvalidRequest, whose `param` names the field and whose text the value.

Bounds keep an item far below DynamoDB's 400 KB, and typing errors (a limit in the wrong unit) from going unseen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from app.core.access import NANOS, Access, Alert, Budget, Rates
from app.core.records import KeyRecord, Organization, Project
from app.errors import InvalidRequest

MOST_RPM = 10**9
MOST_TOKENS = 10**12
MOST_NANOS = 10**9 * NANOS
LONGEST_LIFE = 100 * 366 * 86400
"""Seconds."""
LONGEST_GRACE = 30 * 86400
"""Seconds for which an old secret may go on opening after a rotation."""
MOST_CACHE_SECONDS = 604_800
"""As CACHE_MAX_SECONDS unless it says otherwise."""
MOST_GLOBS, MOST_TAGS, MOST_PROFILES, MOST_ALERTS, MOST_RECIPIENTS = 100, 16, 50, 20, 20
TIERS = ("default", "flex", "priority", "reserved")
PROMPT_CACHE_TTLS = ("5m", "1h")
INTERVALS = ("day", "week", "month")

_GLOB = re.compile(r"[A-Za-z0-9._:/*?@+-]{1,128}")
_TAG = re.compile(r"[A-Za-z0-9._:/@-]{1,64}")
_PROFILE = re.compile(
    r"arn:aws(-[a-z]+)*:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:application-inference-profile/[a-zA-Z0-9]{1,64}"
)
# Both from botocore's service model bedrock-runtime (GuardrailConfiguration), 2026-11; empty ones left out.
_GUARDRAIL = re.compile(r"[a-z0-9]{1,64}|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]{1,64}")
_GUARDRAIL_VERSION = re.compile(r"[1-9][0-9]{0,7}|DRAFT")


def check_key(record: KeyRecord, *, max_cache_ttl: int = MOST_CACHE_SECONDS) -> None:
    """Everything but the expiry, which is looked at only where it changes: see `check_expiry`."""
    check_name(record.name)
    if record.user:
        check_text("user", record.user, 128)
    check_tags(record.tags)
    check_access(record.access, max_cache_ttl)
    check_rates(record.rates)
    check_budget(record.budget)


def check_project(project: Project) -> None:
    check_name(project.name)
    check_budget(project.budget)
    check_alerts(project.alerts)
    _count("rates", len(project.rates), MOST_GLOBS)
    for model, rates in project.rates.items():
        if not _GLOB.fullmatch(model):
            raise _wrong("rates", f"{_shown(model)} is not the name of a model.")
        check_rates(rates)


def check_organization(organization: Organization) -> None:
    check_budget(organization.budget)
    check_alerts(organization.alerts)


def check_expiry(expires_at: int | None, now: float) -> None:
    if expires_at is None:
        return
    if expires_at <= now:
        raise _wrong("expires_at", "The expiry must be in the future.")
    if expires_at > now + LONGEST_LIFE:
        raise _wrong("expires_at", "The expiry must be within 100 years; leave it out for a key that never expires.")


def check_grace(seconds: int) -> None:
    if not 0 <= seconds <= LONGEST_GRACE:
        raise _wrong("grace", f"The grace must be from 0 to {LONGEST_GRACE} seconds (30 days).")


def check_name(name: str) -> None:
    if not name.strip():
        raise _wrong("name", "The name must not be empty.")
    check_text("name", name, 128)


def check_text(param: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise _wrong(param, f"At most {longest} characters are allowed here, and there are {len(text)}.")
    if not text.isprintable():
        raise _wrong(param, "Only printable characters are allowed here.")


def check_tags(tags: Mapping[str, str]) -> None:
    _count("tags", len(tags), MOST_TAGS)
    for name, value in tags.items():
        if not _TAG.fullmatch(name):
            raise _wrong("tags", f"The name {_shown(name)} is not 1 to 64 of the characters A-Z a-z 0-9 . _ : / @ -")
        check_text("tags", value, 256)


def check_access(access: Access, max_cache_ttl: int) -> None:
    _count("models", len(access.models), MOST_GLOBS)
    for glob in access.models:
        _check_glob("models", glob)
    _check_limit("max_tokens", access.max_tokens, MOST_TOKENS)
    if access.tier and access.tier not in TIERS:
        raise _wrong("tier", f"The tier {_shown(access.tier)} is none of {', '.join(TIERS)}.")
    if access.guardrail is not None:
        if not _GUARDRAIL.fullmatch(access.guardrail.identifier):
            raise _wrong("guardrail", "The guardrail must be given as its id or ARN.")
        if not _GUARDRAIL_VERSION.fullmatch(access.guardrail.version):
            raise _wrong("guardrail", "The guardrail's version must be a number or DRAFT.")
    _count("profiles", len(access.profiles), MOST_PROFILES)
    for glob, arn in access.profiles.items():
        _check_glob("profiles", glob)
        if not _PROFILE.fullmatch(arn):
            raise _wrong("profiles", f"For {_shown(glob)} there is not the ARN of an application inference profile.")
    if not 0 <= access.cache_ttl <= max_cache_ttl:
        raise _wrong("cache_ttl", f"The cache's seconds must be from 0 to {max_cache_ttl} (CACHE_MAX_SECONDS).")
    if access.prompt_cache_ttl not in ("", *PROMPT_CACHE_TTLS):
        raise _wrong("prompt_cache_ttl", f"The prompt cache's time to live is one of {', '.join(PROMPT_CACHE_TTLS)}.")


def check_rates(rates: Rates) -> None:
    _check_limit("rpm", rates.rpm, MOST_RPM)
    _check_limit("tpm", rates.tpm, MOST_TOKENS)


def check_budget(budget: Budget | None) -> None:
    if budget is None:
        return
    _check_amount("budget", budget.nanos)
    _check_interval("budget", budget.interval)


def check_alerts(alerts: Sequence[Alert]) -> None:
    _count("alerts", len(alerts), MOST_ALERTS)
    for alert in alerts:
        _check_amount("alerts", alert.nanos)
        _check_interval("alerts", alert.interval)
        _count("recipients", len(alert.recipients), MOST_RECIPIENTS)
        for recipient in alert.recipients:
            check_text("recipients", recipient, 320)
        check_text("subject_prefix", alert.subject_prefix, 128)


def _check_glob(param: str, glob: str) -> None:
    if not _GLOB.fullmatch(glob):
        raise _wrong(
            param, f"The model pattern {_shown(glob)} is not 1 to 128 of the characters A-Z a-z 0-9 . _ : / * ? @ + -"
        )


def _check_limit(param: str, limit: int | None, most: int) -> None:
    if limit is None:
        return
    if limit < 0:
        raise _wrong(param, "A limit can't be negative; 0 blocks, and none at all is unlimited.")
    if limit > most:
        raise _wrong(param, f"At most {most:,} is taken here; leave the limit out for unlimited.")


def _check_amount(param: str, nanos: int) -> None:
    if nanos < 0:
        raise _wrong(param, "An amount can't be negative; 0 blocks, and none at all is unlimited.")
    if nanos > MOST_NANOS:
        raise _wrong(param, f"At most {MOST_NANOS // NANOS:,} USD is taken here; leave it out for unlimited.")


def _check_interval(param: str, interval: str) -> None:
    if interval not in INTERVALS:
        raise _wrong(param, f"The interval {_shown(interval)} is none of {', '.join(INTERVALS)}.")


def _count(param: str, count: int, most: int) -> None:
    if count > most:
        raise _wrong(param, f"At most {most} are allowed here, and there are {count}.")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:61] + "...")


def _wrong(param: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=param, code="invalid_value")
