"""A deployment from outside, step by step: reachable, closed to strangers, models, a chat, a stream, sizes, browsers."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from local.doctor.findings import Findings
from local.doctor.http import Answer, Client, Unreachable
from local.doctor.platform import FORBIDDEN, explain, message_of

WRONG_KEY = "sk-doctor-this-key-is-wrong"
STRANGER = "https://doctor.invalid"
MEGABYTE = 1024 * 1024
CLOCK_SKEW = 240.0
"""Seconds; SigV4 allows five minutes."""

REFUSALS = {
    "origin_forbidden": "ORIGIN_SECRET is set: ask through CloudFront, or put the secret into the environment's ORIGIN_SECRET.",
    "network_forbidden": "ALLOWED_NETWORKS does not hold this machine's public address.",
    "no_api_key": "The stack has no key yet: `./dev hash --new` makes one; deploy with its hash as ApiKeyHash.",
    "misconfigured": "The log names the setting that can't be used; with SETTINGS_PARAM_NAME set, this command looks into SSM.",
    "settings_unavailable": "The function can't read the parameter that SettingsParamName names: is it there, in this region?",
}


def examine(client: Client, findings: Findings, *, wait: float = 0.0) -> bool:
    """Whether the gateway answers at all, and lets in who has its key. What follows is skipped where it does not."""
    answer = _reach(client, findings, wait)
    if answer is None:
        return False
    _clock(answer, findings)
    closed = _closed(client, findings, "without a key", "") and _closed(client, findings, "with a wrong key", WRONG_KEY)
    _pass_through(client, findings)
    _browsers(client, findings)
    return closed


def _reach(client: Client, findings: Findings, wait: float) -> Answer | None:
    """`GET /health`, again and again for `wait` seconds: new permissions take a while to reach every part of AWS."""
    deadline = time.monotonic() + wait
    while True:
        try:
            answer = client.ask("GET", "/health", key="")
        except Unreachable as problem:
            if time.monotonic() >= deadline:
                findings.add("reachable", "failed", str(problem), _what_to_do(problem, client))
                return None
        else:
            body = answer.json()
            well = answer.status == 200 and isinstance(body, dict) and body.get("status") == "ok"
            if well or time.monotonic() >= deadline:
                _tell_health(answer, findings, well=well)
                return answer if well else None
        time.sleep(min(2.0, max(0.0, deadline - time.monotonic())))


def _tell_health(answer: Answer, findings: Findings, *, well: bool) -> None:
    findings.add("reachable", "ok", f"{answer.arrivals[-1][0] * 1000:.0f} ms" if answer.arrivals else "")
    error = answer.error()
    if well:
        version = answer.json().get("version")
        findings.add("health", "ok", f"version {version}" if isinstance(version, str) else "no version")
    elif error is not None:
        findings.add("health", "failed", *_refused(error, answer))
    else:
        findings.add("health", "failed", *explain(answer))


def _what_to_do(problem: Unreachable, client: Client) -> str:
    host = urlsplit(client.url).hostname
    return {
        "name": f"Check the address. A stack that was deleted or made anew has another one; {host} is unknown.",
        "tls": "A certificate for another name, or a proxy that reads along. A Function URL has a valid one.",
        "refused": "Is it running, on that port?",
        "time": "A firewall on the way, or a function that never gets ready: see its log.",
        "signing": "Renew your AWS credentials (`aws sso login`), or leave --iam out.",
    }.get(problem.kind, "Try again; if it stays so, read the function's log.")


def _clock(answer: Answer, findings: Findings) -> None:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        findings.add("clock", "skipped", "the answer carries no date")
        return
    skew = time.time() - theirs
    if abs(skew) > CLOCK_SKEW:
        findings.add(
            "clock", "warning", f"{skew:+.0f} s off", "Set this machine's clock: AWS refuses signatures this old."
        )
    else:
        findings.add("clock", "ok", "within a few minutes")


def _closed(client: Client, findings: Findings, how: str, key: str) -> bool:
    """401 in OpenAI's envelope for a caller `how`; the platform's own refusals are told apart."""
    answer = ask(client, findings, how, "GET", "/v1/models", key=key)
    if answer is None:
        return False
    error = answer.error()
    if error is None:
        return findings.add(how, "failed", *explain(answer))
    if answer.status == 401:
        return findings.add(how, "ok", "401 in OpenAI's envelope")
    if answer.status == 503:
        return findings.add(how, "failed", *_refused(error, answer))
    return findings.add(how, "failed", f"{answer.status} instead of 401: {error['message']}", _advice(error))


def _pass_through(client: Client, findings: Findings) -> None:
    answer = ask(client, findings, "POST /events", "POST", "/events", {}, key="")
    if answer is None:
        return
    if answer.status == 404 and answer.error() is not None:
        findings.add("POST /events", "ok", "404: strangers can't forge events")
    elif message_of(answer) == FORBIDDEN:
        findings.add("POST /events", "failed", *explain(answer))
    else:
        findings.add(
            "POST /events",
            "failed",
            f"HTTP {answer.status} instead of 404",
            "Is it this gateway, and its newest version?",
        )


def _browsers(client: Client, findings: Findings) -> None:
    """CORS in one place, or closed: browsers reject an answer whose origin header is there twice."""
    check = "CORS"
    asked = {
        "origin": STRANGER,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    for method in ("OPTIONS", "GET"):
        headers = asked if method == "OPTIONS" else {"origin": STRANGER}
        answer = ask(client, findings, check, method, "/health", key="", headers=headers)
        if answer is None:
            return
        given = answer.headers.getlist("access-control-allow-origin")
        if len(given) > 1 or any("," in each for each in given):
            advice = "CORS is set twice: take it out of the Function URL's configuration; the gateway does it."
            findings.add(check, "failed", f"{len(given)} x Access-Control-Allow-Origin", advice)
            return
        if given and given[0].strip() in ("*", STRANGER):
            advice = "Every web page may call: set AllowedOrigins to your own, unless you mean it."
            findings.add(check, "warning", f"open to {given[0]}", advice)
            return
    findings.add(check, "ok", "closed to an unknown origin")


def models_of(client: Client, findings: Findings) -> list[dict[str, Any]]:
    """The models that are listed; none where that fails, and the finding says why."""
    answer = ask(client, findings, "models", "GET", "/v1/models")
    if answer is not None and answer.status == 401 and client.bearer:
        answer = _without_authorization(client, findings, answer)
    if answer is None or not good(answer, findings, "models"):
        return []
    body = answer.json()
    data = body.get("data") if isinstance(body, dict) else None
    models = (
        [each for each in data if isinstance(each, dict) and isinstance(each.get("id"), str)]
        if isinstance(data, list)
        else []
    )
    if models:
        findings.add("models", "ok", f"{len(models)} listed")
    else:
        advice = "The function's role needs bedrock:ListFoundationModels; the region may have no Bedrock models."
        findings.add("models", "failed", "the list is empty", advice)
    return models


def _without_authorization(client: Client, findings: Findings, refused: Answer) -> Answer | None:
    """The key once more in another header: a front that signs puts its signature in the place of Authorization."""
    client.bearer = False
    answer = ask(client, findings, "models", "GET", "/v1/models")
    if answer is None or answer.status == 401:
        client.bearer = True
        return refused
    advice = "Something in front takes that header: clients must send x-api-key (docs/edge.md)."
    findings.add("Authorization", "warning", "the key in it does not arrive", advice)
    return answer


def takes_a_megabyte(client: Client, findings: Findings) -> None:
    """A body of 1 MB that is wrong on purpose: refused by the gateway, it costs nothing and has come through whole."""
    check = "1 MB body"
    answer = ask(client, findings, check, "POST", "/v1/chat/completions", {"messages": "x" * MEGABYTE})
    if answer is None:
        return
    if answer.status == 400 and answer.error() is not None:
        findings.add(check, "ok", "reaches the gateway")
    elif answer.error() is not None:
        error = answer.error() or {}
        findings.add(check, "failed", f"HTTP {answer.status}: {error['message']}", _advice(error))
    else:
        findings.add(check, "failed", *explain(answer))


def ask(
    client: Client, findings: Findings, check: str, method: str, path: str, body: Any = None, **options: Any
) -> Answer | None:
    """The answer, or None and a failed finding where none came."""
    try:
        return client.ask(method, path, body, **options)
    except Unreachable as problem:
        findings.add(check, "failed", str(problem), _what_to_do(problem, client))
        return None


def good(answer: Answer, findings: Findings, check: str) -> bool:
    """Whether the answer is a 200; otherwise the finding says who refused and why."""
    if answer.status == 200:
        return True
    error = answer.error()
    findings.add(check, "failed", *(explain(answer) if error is None else _refused(error, answer)))
    return False


def _refused(error: dict[str, Any], answer: Answer) -> tuple[str, str]:
    return f"HTTP {answer.status}: {error['message']}", _advice(error)


def _advice(error: dict[str, Any]) -> str:
    code = error.get("code")
    if code == "invalid_api_key":
        return "Check --key or OPENAI_API_KEY; with ApiKeyHash, that its SHA-256 is the one deployed (`./dev hash`)."
    if code == "key_unavailable":
        return (
            "The function can't read its key: the name of the parameter or the secret, or the role's right to read it."
        )
    return REFUSALS.get(str(code), "")
