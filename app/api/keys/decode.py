"""Bodies of the admin routes -> the records of `core.access`. Pure.

On update only what was given changes; an explicit null takes a limit away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.api.keys.schema import MOST_REQUESTS, MOST_TOKENS, Amount, KeyFields, RateLimits, SpendAlert, SpendLimit
from app.core.access import NANOS, Access, Alert, Budget, Interval, Rates
from app.core.prompt import Guardrail
from app.core.records import KeyRecord
from app.errors import InvalidRequest

B = TypeVar("B", bound=BaseModel)

CENT = NANOS // 100
TIERS = {"default": "default", "flex": "flex", "priority": "priority", "fast": "priority", "scale": "reserved"}
"""OpenAI's names of service tiers -> Bedrock's."""

_CODES = {"missing": "missing_required_parameter", "extra_forbidden": "unknown_parameter"}


def read(model: type[B], body: Any) -> B:
    """The body as `model` describes it. Raises InvalidRequest that names the first field that is wrong."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.", code="invalid_type")
    try:
        return model.model_validate(body)
    except ValidationError as problem:
        raise _told(problem) from None


def _told(problem: ValidationError) -> InvalidRequest:
    """The values are not repeated, and of names only so much as a log line bears."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    param = ".".join(str(step)[:64] for step in first["loc"] if step != "[key]")[:200]
    code = _CODES.get(first["type"], "invalid_type" if first["type"].endswith("_type") else "invalid_value")
    if code == "missing_required_parameter":
        return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code=code)
    if code == "unknown_parameter":
        return InvalidRequest(f"Unknown parameter: '{param}'.", param=param, code=code)
    why = "it has letters or a form that is not allowed" if "pattern" in first["type"] else first["msg"]
    return InvalidRequest(f"Invalid value for '{param}': {why}.", param=param, code=code)


def refuse(given: BaseModel, names: tuple[str, ...], why: str, *, empty: tuple[Any, ...] = (None,)) -> None:
    """Raises InvalidRequest where one of these fields has a value: to take it and do nothing would be a lie."""
    for name in names:
        if getattr(given, name) not in empty:
            raise InvalidRequest(f"'{name}' is not supported: {why}.", param=name, code="unsupported_parameter")


def budget(given: SpendLimit, place: str = "spend_limit") -> Budget:
    """`place`: the field it stands in, for errors; empty for the body itself."""
    return Budget(_nanos(given, place), given.interval or "month", _is_hard(given.enforcement, place))


def alert(id: str, given: SpendAlert, interval: Interval) -> Alert:
    """`interval`: where none was given."""
    nanos = _nanos(given, "")
    if not nanos:
        raise _wrong("threshold_amount", "an alert needs an amount above 0")
    channel = given.notification_channel
    if not channel.recipients:
        raise _wrong("notification_channel.recipients", "at least one is expected")
    return Alert(id, nanos, given.interval or interval, tuple(channel.recipients), channel.subject_prefix or "")


def rates(given: RateLimits, before: Rates) -> Rates:
    rpm, tpm = before.rpm, before.tpm
    if "max_requests_per_1_minute" in given.model_fields_set:
        rpm = _below(given.max_requests_per_1_minute, MOST_REQUESTS)
    if "max_tokens_per_1_minute" in given.model_fields_set:
        tpm = _below(given.max_tokens_per_1_minute, MOST_TOKENS)
    return Rates(rpm, tpm)


def _below(limit: int | None, most: int) -> int | None:
    return limit if limit is not None and limit < most else None


def expiry(given: KeyFields, before: int | None, now: float) -> int | None:
    """When the key expires, in epoch seconds."""
    if given.expires_at is not None and given.expires_in_seconds is not None:
        raise _wrong("expires_at", "give either expires_at or expires_in_seconds")
    if given.expires_in_seconds is not None:
        return int(now) + given.expires_in_seconds
    if given.expires_at is not None and given.expires_at <= now:
        raise _wrong("expires_at", "it is not in the future; to stop a key, set disabled")
    return given.expires_at if given.model_fields_set & {"expires_at", "expires_in_seconds"} else before


def applied(record: KeyRecord, given: KeyFields, now: float) -> KeyRecord:
    """The record with everything that was given. Raises InvalidRequest for what can't be."""
    refuse(given, ("scopes",), "a key is limited by models, budgets and rates", empty=(None, []))
    changes: dict[str, Any] = {
        "access": _access(record.access, given),
        "expires_at": expiry(given, record.expires_at, now),
    }
    if given.name is not None:
        changes["name"] = given.name
    present = given.model_fields_set
    if "user" in present:
        changes["user"] = given.user or ""
    if "tags" in present:
        changes["tags"] = given.tags or {}
    if "disabled" in present:
        changes["disabled"] = bool(given.disabled)
    if "rate_limits" in present:
        changes["rates"] = rates(given.rate_limits, record.rates) if given.rate_limits else Rates()
    if "spend_limit" in present:
        changes["budget"] = budget(given.spend_limit) if given.spend_limit else None
    return replace(record, **changes)


def _access(before: Access, given: KeyFields) -> Access:
    read: Mapping[str, tuple[str, Callable[[], Any]]] = {
        "models": ("models", lambda: tuple(dict.fromkeys(given.models or ()))),
        "max_tokens": ("max_tokens", lambda: given.max_tokens),
        "guardrail": ("guardrail", lambda: _guardrail(given)),
        "service_tier": ("tier", lambda: TIERS.get(given.service_tier or "", "")),
        "inference_profiles": ("profiles", lambda: dict(given.inference_profiles or {})),
        "cache_ttl": ("cache_ttl", lambda: given.cache_ttl or 0),
        "prompt_cache_ttl": ("prompt_cache_ttl", lambda: given.prompt_cache_ttl or ""),
    }
    return replace(
        before, **{name: value() for field, (name, value) in read.items() if field in given.model_fields_set}
    )


def _guardrail(given: KeyFields) -> Guardrail | None:
    rail = given.guardrail
    return Guardrail(rail.identifier, rail.version, rail.stream_mode or "") if rail else None


def _nanos(given: Amount, place: str) -> int:
    """The amount in nano-USD."""
    cents, dollars = given.threshold_amount, given.amount_usd
    name = f"{place}.threshold_amount" if place else "threshold_amount"
    if cents is None and dollars is None:
        raise InvalidRequest(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    if cents is not None and dollars is not None:
        raise _wrong(name, "give either threshold_amount (cents) or amount_usd")
    if dollars is None:
        return (cents or 0) * CENT
    nanos = int(Decimal(str(dollars)) * NANOS)
    if dollars and not nanos:
        raise _wrong(name.replace("threshold_amount", "amount_usd"), "it is less than can be counted")
    return nanos


def _is_hard(given: Any, place: str) -> bool:
    mode = given.get("mode") if isinstance(given, dict) and given.keys() <= {"mode", "status"} else given
    if mode is not None and mode not in ("hard", "soft"):
        raise _wrong(f"{place}.enforcement" if place else "enforcement", "hard or soft is expected")
    return bool(mode != "soft")


def _wrong(param: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid value for '{param}': {why}.", param=param, code="invalid_value")
