"""A whole chat and a streamed one with a cheap model, and what the deep probe has found."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from local.doctor.deployment import ask, good
from local.doctor.findings import Findings, table
from local.doctor.http import Answer, Client

CHEAP = ("nova-micro", "nova-lite", "gpt-oss-20b", "ministral-3b", "llama3-2-1b", "llama3-1-8b", "nova-2-lite", "haiku")
"""Parts of the ids of models at some cents per million tokens, the first one found is taken (prices of 2026-11)."""

GAP = 0.01
"""Seconds between two pieces that came by themselves."""
TOO_QUICK = 0.25
"""A stream over in this many seconds shows nothing about buffering."""


def choose(models: Sequence[dict[str, Any]]) -> str | None:
    """The first cheap model of the list, else the first that chats."""
    ids = [str(model["id"]) for model in models if _chats(model)]
    cheap = (name for part in CHEAP for name in ids if part in name)
    return next(cheap, ids[0] if ids else None)


def _chats(model: dict[str, Any]) -> bool:
    capabilities = model.get("capabilities")
    return not isinstance(capabilities, list) or not capabilities or "chat" in capabilities


def chats(client: Client, findings: Findings, model: str) -> bool:
    body = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "Reply with the word: pong"}]}
    answer = ask(client, findings, "chat", "POST", "/v1/chat/completions", body, patience=120.0)
    if answer is None or not good(answer, findings, "chat"):
        return False
    text, tokens = _message(answer)
    if text is None:
        return findings.add("chat", "failed", "the answer has no message", "Is it this gateway?")
    return findings.add("chat", "ok", f"{findings.clean(text)[:60]!r}, {tokens} tokens, {answer.arrivals[-1][0]:.1f} s")


def _message(answer: Answer) -> tuple[str | None, Any]:
    body = answer.json()
    try:
        message = body["choices"][0]["message"]
        return str(message.get("content") or message.get("reasoning_content") or ""), body["usage"]["total_tokens"]
    except (LookupError, TypeError, AttributeError):
        return None, None


def streams(client: Client, findings: Findings, model: str) -> None:
    """A stream of some hundred tokens: it ends with [DONE], and its pieces come one after another."""
    text = "Count from one to eighty in words, separated by spaces. Write nothing else."
    body = {"model": model, "max_tokens": 300, "stream": True, "messages": [{"role": "user", "content": text}]}
    answer = ask(client, findings, "stream", "POST", "/v1/chat/completions", body, patience=120.0)
    if answer is None or not good(answer, findings, "stream"):
        return
    frames = list(_frames(answer))
    if not frames or frames[-1] != "[DONE]":
        findings.add(
            "stream", "failed", _end(frames), "Cut off on the way: a time limit of the front, or of the function."
        )
        return
    first, last = answer.arrivals[0][0], answer.arrivals[-1][0]
    pieces = 1 + sum(b - a > GAP for (a, _), (b, _) in zip(answer.arrivals, answer.arrivals[1:], strict=False))
    what = f"{len(frames)} frames in {pieces} pieces, first after {first:.2f} s, last after {last:.2f} s"
    if answer.headers.get("x-gateway-stream") == "buffered":
        advice = "This front can't stream. Adapter=web-adapter behind a Function URL can."
        findings.add("stream", "warning", f"whole, as it says itself: {what}", advice)
    elif pieces >= 3 and last - first >= 0.1 * last:
        findings.add("stream", "ok", what)
    elif last < TOO_QUICK:
        findings.add("stream", "warning", f"too quick to tell: {what}")
    else:
        advice = (
            "Something keeps the answer back until it is whole: the URL's InvokeMode must be RESPONSE_STREAM and agree with "
            "AWS_LWA_INVOKE_MODE; a proxy on the way may buffer or compress."
        )
        findings.add("stream", "failed", f"all at once: {what}", advice)


def _frames(answer: Answer) -> Iterator[str]:
    for line in answer.text.splitlines():
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()


def _end(frames: Sequence[str]) -> str:
    if not frames:
        return "no event came"
    try:
        last = json.loads(frames[-1])
        return f"it ends with an error: {last['error']['message']}"
    except (ValueError, RecursionError, LookupError, TypeError):
        return "it ends without [DONE]"


def matrix(client: Client, findings: Findings) -> dict[str, Any] | None:
    """`GET /v1/status` as a table; its rows for machines, None where there is none."""
    answer = ask(client, findings, "deep probe", "GET", "/v1/status")
    if answer is None:
        return None
    if answer.status == 404:
        findings.add("deep probe", "skipped", "this version has no /v1/status")
        return None
    if not good(answer, findings, "deep probe"):
        return None
    body = answer.json()
    rows = list(_rows(body, findings))
    if not isinstance(body, dict) or not rows:
        advice = (
            ""
            if isinstance(body, dict) and body.get("probing")
            else "DeepProbeModels and DeepProbeCentsPerDay switch it on."
        )
        findings.add("deep probe", "skipped", "nothing has been probed", advice)
        return None
    _tell(rows, findings)
    return {"data": [{"id": name, "checked_at": at, "checks": checks} for name, checks, at in rows]}


Row = tuple[str, dict[str, dict[str, Any]], float | None]
"""A model's id, its checks by name, when the newest was made (epoch seconds)."""


def _rows(body: Any, findings: Findings) -> Iterator[Row]:
    """What has the form of a row, made anew: no text and no number is passed on as the server wrote it."""
    data = body.get("data") if isinstance(body, dict) else None
    for each in data[:500] if isinstance(data, list) else ():
        found = each.get("checks") if isinstance(each, dict) else None
        if isinstance(found, dict) and isinstance(each.get("id"), str):
            checks = {findings.clean(k): _check(v, findings) for k, v in found.items() if isinstance(v, dict)}
            yield findings.clean(each["id"]), checks, _number(each.get("checked_at"))


def _check(found: dict[str, Any], findings: Findings) -> dict[str, Any]:
    texts = {name: findings.clean(found[name]) for name in ("status", "detail") if isinstance(found.get(name), str)}
    return texts | {name: _number(found[name]) for name in ("ms", "at") if name in found}


def _number(value: Any) -> float | None:
    """A number that every reader of JSON takes; None for Infinity and its like."""
    return value if isinstance(value, int | float) and -1e15 < value < 1e15 else None


def _tell(rows: Sequence[Row], findings: Findings) -> None:
    names = list(dict.fromkeys(name for _, checks, _ in rows for name in checks))[:20]
    failed = [(model, name, checks[name]) for model, checks, _ in rows for name in names if _is(checks, name, "failed")]
    if findings.show:
        words = {"ok": "ok", "failed": "FAILED", "skipped": "-"}
        lines = [("model", *names, "checked")]
        for model, checks, at in rows:
            cells = (words.get(str(checks.get(name, {}).get("status")), "") for name in names)
            lines.append((model, *cells, _ago(at)))
        for line in table(lines):
            print(f"  {line}")
    for model, name, check in failed:
        findings.add(f"deep probe of {model}", "failed", f"{name}: {check.get('detail', '')}")
    if not failed:
        findings.add("deep probe", "ok", f"{len(rows)} models, nothing failed")


def _is(checks: dict[str, dict[str, Any]], name: str, status: str) -> bool:
    return checks.get(name, {}).get("status") == status


def _ago(at: float | None) -> str:
    if at is None or not 0 < at < 1e11:
        return ""
    hours = max(0.0, time.time() - at) / 3600
    return f"{hours:.0f} h ago" if hours >= 1 else f"{hours * 60:.0f} min ago"
