"""The tables of docs/costs.md, from the computation in `costs`."""

from __future__ import annotations

from dataclasses import replace

from bench.costs import (
    DEPLOYMENT,
    ONE_VCPU_MB,
    OURS,
    PRICES,
    REQUEST,
    REQUESTS,
    STACKS,
    TABLE,
    bill,
    canary,
    on_lambda,
    table,
    this_gateway,
)

MEMORIES = (128, 256, 512, 1024, ONE_VCPU_MB)
_HEAD = f"| USD a month, at so many requests | {' | '.join(f'{count:,}' for count in REQUESTS)} |"
_RULE = f"| --- |{' --: |' * len(REQUESTS)}"


def summary() -> str:
    """The gateway with and without the free tier, beside its alternatives with the free tier."""
    return f"""\
USD per month in us-east-1, by number of streamed chats of {REQUEST.seconds:g} s, without the model's tokens, with
AWS's always-free amounts unless a row says otherwise. The canary alone is {_usd(bill(canary(), free=True))} inside the
free tier and {_usd(bill(canary(), free=False))} without it. The table (`Table=false` for none) adds
0.01 to 0.06 up to 10,000 requests.

{summary_table()}"""


def summary_table() -> str:
    rows = [_row(OURS, [bill(this_gateway(count), free=True) for count in REQUESTS])]
    rows += [_row("the same, free tier used up", [bill(this_gateway(count), free=False) for count in REQUESTS])]
    rows += [
        _row(name, [bill(stack(count), free=True) for count in REQUESTS])
        for name, stack in STACKS.items()
        if stack not in (this_gateway, on_lambda)
    ]
    return "\n".join([_HEAD.replace("USD a month, at so many requests", "requests a month"), _RULE, *rows])


def inside() -> str:
    """Everybody with the always-free amounts."""
    return _everybody(free=True)


def outside() -> str:
    """Everybody in an account that has used them up."""
    return _everybody(free=False)


def _everybody(*, free: bool) -> str:
    rows = [_row(name, [bill(stack(count), free=free) for count in REQUESTS]) for name, stack in STACKS.items()]
    return "\n".join([_HEAD, _RULE, *rows])


def memories() -> str:
    """This gateway at other sizes, free tier used up and not."""
    rows = []
    for memory in MEMORIES:
        deployment = replace(DEPLOYMENT, memory_mb=memory)
        cells = (
            f"{_usd(bill(this_gateway(count, deployment), free=True))}"
            f" / {_usd(bill(this_gateway(count, deployment), free=False))}"
            for count in REQUESTS
        )
        rows.append(f"| {memory} MB{' (default)' if memory == DEPLOYMENT.memory_mb else ''} | {' | '.join(cells)} |")
    return "\n".join([_HEAD.replace("at so many", "inside / without the free tier, at so many"), _RULE, *rows])


def canary_alone() -> str:
    """The canary's part of the bill, by the number of environments that it keeps."""
    lines = ["| `WarmInstances` | requests a month | GB-seconds a month | USD inside the free tier | USD without it |"]
    lines += ["| --: | --: | --: | --: | --: |"]
    for warm in (1, 2, 5):
        used = canary(replace(DEPLOYMENT, warm_instances=warm))
        cells = (
            str(warm),
            f"{used['lambda_requests']:,.0f}",
            f"{used['lambda_gb_seconds']:,.0f}",
            _usd(bill(used, free=True)),
            _usd(bill(used, free=False)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def keys() -> str:
    """What the table adds to the bill, with a million requests as well."""
    counts = (*REQUESTS[1:], 1_000_000)
    lines = [f"| USD a month, at so many requests | {' | '.join(f'{count:,}' for count in counts)} |"]
    lines += [f"| --- |{' --: |' * len(counts)}"]
    kinds = ("keys and usage, no limits", "each key with a hard budget or rates", "and its project, too")
    for ledgers, name in enumerate(kinds):
        lines.append(_row(name, [bill(table(count, ledgers), free=False) for count in counts]))
    return "\n".join(lines)


def assumptions() -> str:
    """What a request is, and what is deployed."""
    memory, seconds = DEPLOYMENT.memory_mb, REQUEST.billed_seconds(DEPLOYMENT.memory_mb)
    lines = (
        f"A request is a streamed chat of {REQUEST.seconds:g} s with {REQUEST.bytes_in // 1000} kB in, "
        f"{REQUEST.bytes_out // 1000} kB out (400 chunks) and {REQUEST.log_bytes / 1000:g} kB of log.",
        f"{REQUEST.cold_share:.0%} of the requests meet no warm environment and pay for its start, "
        f"{REQUEST.cold_cpu:g} s of CPU.",
        f"The gateway has {memory} MB, arm64: {seconds * memory / 1024:.2f} GB-seconds a request. "
        f"Logs stay {DEPLOYMENT.log_days} days. No table.",
        f"The canary runs {DEPLOYMENT.canary_per_hour} times an hour for {DEPLOYMENT.canary_seconds:g} s with "
        f"{DEPLOYMENT.canary_memory_mb} MB and sends {DEPLOYMENT.warm_instances} health request of "
        f"{DEPLOYMENT.warm_seconds:g} s.",
        f"In the table a request is {TABLE.rollup} units of 1 KB for its rollup and {TABLE.ledgers} for each ledger with a "
        f"hard limit; rollups are {TABLE.rows} a day at most, of {TABLE.row_bytes / 1000:g} kB, and stay {TABLE.days} days.",
    )
    return "\n".join(f"- {line}" for line in lines)


def prices() -> str:
    """Every price with its date and source."""
    lines = ["| what | USD | for | free each month | source | date |", "| --- | --: | --- | --: | --- | --- |"]
    for price in PRICES.values():
        amount = f"{price.per:,} {price.unit}" if price.per > 1 else price.unit.removesuffix("s")
        free = f"{price.free:,.0f}" if price.free else "none"
        source = price.source if price.verified else f"**not verified**: {price.source}"
        cells = (price.title, f"{price.usd:.10f}".rstrip("0").rstrip("."), amount, free, source, price.date)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _row(name: str, costs: list[float]) -> str:
    return f"| {name} | {' | '.join(map(_usd, costs))} |"


def _usd(value: float) -> str:
    return f"{value:,.2f}"
