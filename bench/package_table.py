"""The page that `./dev bench --package --write` makes: figures as Markdown, and what is computed from them by memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean, median, quantiles

from bench.costs import ONE_VCPU_MB, PRICES, REQUEST, share
from bench.package_measures import STREAM, Findings, Start
from bench.staging import IMPORTED, LOADED, OURS, SOURCES

MEMORIES = (128, 192, 256, 384, 512, 768, 1024, ONE_VCPU_MB)
MB = 1_000_000
SHOWN = 0.5  # milliseconds: imports below are summed up

STARTS = """\
From the start of the processes (the Web Adapter and `run.sh`) to the first content of a streamed chat: the median and the
least of the rounds, and in brackets how many times this gateway's it is. All take turns, one runs at a time. *Ready* is when
the adapter asks for its first event, which ends Lambda's init phase. CPU and memory (PSS, after the answer) are those of
adapter and gateway together. Whatever else the machine does makes times longer, the median more than the least."""

COMPUTED = f"""\
**Computed, not measured on Lambda**: Lambda gives a function a processor share of memory / {ONE_VCPU_MB} (its developer guide,
2026-11-21), so a duration is the waiting plus the CPU over that share. That is an upper bound for a stream, whose small pieces
of work fit between its waits. *Throttled* takes the share for the start as well; *full start* gives the init phase a whole
processor at any memory, as third parties report it (lucvandonkersgoed.com, 2022) and AWS does not promise.
A request is the {REQUEST.seconds:g} s stream of docs/costs.md; prices are those of arm64, without the request's own
0.20 per million."""

CHECKED = """\
The same with a real quota of the kernel (CFS, 20 ms periods) on adapter and gateway, to check the formula. Being stopped
again and again costs CPU of its own, so a start takes longer than computed; a stream's work fits between its waits."""

WARM = """\
Whole chats on one connection, by turns, milliseconds. The local Function URL (in Python, in the load generator's process)
does what AWS's front and runtime do, so the last row says what the whole path costs here and not what it costs there."""

IMPORTS = """\
`python -X importtime` from the start of Python to the first token, each module's least time over the rounds, without what it
imports in turn, added up by package, in milliseconds."""


def page(found: Findings, machine: str, python: str, starts: int) -> str:
    parts = (
        ("Cold start through the real Web Adapter", STARTS, cold(found.starts)),
        ("By memory", COMPUTED, computed(found)),
        ("With a real processor quota", CHECKED, throttled(found)),
        ("Warm", WARM, warm(found.chats)),
        ("CPU in use", "Adapter and gateway together.", in_use(found)),
        (
            "Memory, MB",
            "PSS of the processes but for the last row, which is the sum of their VmHWM.",
            memory(found.memory),
        ),
        ("Size, MB of 1,000,000 bytes", "As uploaded, for arm64 (tiktoken's for this machine).", sizes(found.sizes)),
        ("What each import costs", IMPORTS, imports(found.imports)),
    )
    head = (
        "# The deployment package, measured\n\n<!-- Made by ./dev bench --package --write -->\n\n"
        f"{machine}. The packages run Python {python}; {starts} rounds of cold starts.\n"
    )
    return head + "".join(f"\n## {title}\n\n{text}\n\n{table}\n" for title, text, table in parts)


def cold(starts: Mapping[str, Sequence[Start]]) -> str:
    ours = starts[OURS]
    rows = []
    for name, runs in starts.items():
        cells = [
            _seconds([run.init_seconds for run in runs], [run.init_seconds for run in ours], name),
            _seconds([run.seconds for run in runs], [run.seconds for run in ours], name),
            f"{min(run.seconds for run in runs):.3f}",
            _seconds([run.cpu for run in runs], [run.cpu for run in ours], name, of=mean),
            f"{median(sum(run.memory.values()) for run in runs):.0f}",
        ]
        rows.append([name, *cells])
    table = _table(["", "ready, s", "first token, s", "least, s", "CPU, s", "memory, MB"], rows)
    missing = "" if SOURCES in starts else f"\n\nNOT MEASURED: {SOURCES}; it takes a second Python to stage it with."
    return f"{table}{missing}\n\n{_share(starts)}"


def _share(starts: Mapping[str, Sequence[Start]]) -> str:
    """The figure that the project promises: ours over the plain gateway's with tiktoken."""
    ours = starts[OURS]
    parts = []
    for name, title in ((IMPORTED, "that only imports it"), (LOADED, "that loads its vocabulary at import")):
        peers = starts[name]
        shares = [of(run.seconds for run in ours) / of(run.seconds for run in peers) for of in (median, min)]
        used = mean(run.cpu for run in ours) / mean(run.cpu for run in peers)
        parts.append(f"**{shares[0]:.2f}** of the one {title} ({shares[1]:.2f} by the least times, {used:.2f} in CPU)")
    return f"Against the plain gateway with tiktoken, this one takes {' and '.join(parts)}."


def computed(found: Findings) -> str:
    rows = []
    for size in MEMORIES:
        slow, quick = start_seconds(found.starts[OURS], share(size))
        billed = request_seconds(found, share(size))
        price = PRICES["lambda_gb_seconds"].usd
        rows.append(
            [
                str(size),
                f"{slow:.2f}",
                f"{quick:.2f}",
                f"{billed:.2f}",
                f"{billed * size / 1024:.2f}",
                f"{billed * size / 1024 * price * 1000:.3f}",
                f"{slow * size / 1024 * price * 1000:.4f}",
            ]
        )
    head = ["MB", "first token, throttled, s", "first token, full start, s", "10 s stream, s", "GB-seconds a request"]
    return _table([*head, "USD per 1,000 requests", "USD per 1,000 cold starts"], rows)


def start_seconds(runs: Sequence[Start], processor: float) -> tuple[float, float]:
    """Seconds to the first token with this processor share for all of it, and with a whole processor until it is ready."""
    waiting = max(0.0, min(run.seconds - run.cpu for run in runs))  # more of it is waiting for other programs
    init, used = mean(run.init_cpu for run in runs), mean(run.cpu for run in runs)
    return waiting + used / processor, waiting + init + (used - init) / processor


def request_seconds(found: Findings, processor: float) -> float:
    """Seconds that a stream is billed for, at most: it waits as long as the model takes, and computes beside that."""
    return REQUEST.seconds + median(found.stream_cpu) / processor


def throttled(found: Findings) -> str:
    rows = []
    for size, runs in found.throttled.items():
        expected, _ = start_seconds(found.starts[OURS], share(size))
        seen = median(start.seconds for start, _ in runs)
        used = median(start.cpu for start, _ in runs)
        stream = median(seconds for _, seconds in runs)
        cells = (str(size), f"{expected:.2f}", f"{seen:.2f}", f"{seen / expected:.2f}", f"{used:.2f}")
        rows.append([*cells, f"{request_seconds(found, share(size)):.2f}", f"{stream:.2f}"])
    if not rows:
        return "NOT MEASURED: this machine lets nobody set a quota."
    head = ["MB", "start, computed, s", "measured, s", "measured / computed", "its CPU, s"]
    return _table([*head, "stream, computed, s", "measured, s"], rows)


def warm(chats: Mapping[str, Sequence[float]]) -> str:
    rows = [
        [name, f"{median(times) * 1000:.2f}", f"{quantiles(times, n=100)[98] * 1000:.2f}"]
        for name, times in chats.items()
    ]
    return _table(["", "p50, ms", "p99, ms"], rows)


def in_use(found: Findings) -> str:
    count, pace = STREAM
    rows = [
        ["whole chat, ms", f"{found.chat_cpu * 1000:.2f}"],
        [f"stream of {count} tokens, {pace * 1000:g} ms apart, ms", f"{median(found.stream_cpu) * 1000:.0f}"],
        ["bytes of that stream's body", f"{found.stream_bytes:,}"],
    ]
    return _table(["", "of adapter and gateway"], rows)


def memory(found: Mapping[str, float]) -> str:
    return _table(["", "MB"], [[name, f"{value:.0f}"] for name, value in found.items()])


def sizes(found: Mapping[str, tuple[int, int]]) -> str:
    rows = [[name, f"{zipped / MB:.2f}", f"{unzipped / MB:.2f}"] for name, (zipped, unzipped) in found.items()]
    return _table(["", "zipped", "unzipped"], rows)


def imports(found: Mapping[str, Mapping[str, float]]) -> str:
    names = sorted({name for one in found.values() for name in one}, key=lambda name: -max(_of(found, name)))
    rows = [
        [name, *(f"{value:.1f}" if value else "" for value in _of(found, name))]
        for name in names
        if max(_of(found, name)) >= SHOWN
    ]
    small = [name for name in names if max(_of(found, name)) < SHOWN]
    if small:
        rest = (sum(one.get(name, 0.0) for name in small) for one in found.values())
        rows.append([f"{len(small)} others", *(f"{value:.1f}" for value in rest)])
    rows.append(["**all**", *(f"**{sum(one.values()):.0f}**" for one in found.values())])
    return _table(["", *found], rows)


def _of(found: Mapping[str, Mapping[str, float]], name: str) -> list[float]:
    return [one.get(name, 0.0) for one in found.values()]


def _seconds(
    values: Sequence[float], ours: Sequence[float], name: str, of: Callable[[Sequence[float]], float] = median
) -> str:
    value, base = of(values), of(ours)
    return f"{value:.3f}" if name == OURS else f"{value:.3f} ({value / base:.2f}x)"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --: |' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
