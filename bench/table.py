"""Figures as a Markdown table, with what each is of ours in brackets, and the page that `--write` makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench.contenders import BOTO3, OURS

Samples = Mapping[str, Sequence[float]]  # by figure name, one number per round

FLOOR = "emulator alone"

# Name, what it is, decimals, whether a ratio to ours makes sense.
ROWS = (
    ("chat_ms", "CPU per whole chat, ms", 2, True),
    ("burst_us", "CPU per streamed delta, as fast as they come, us", 1, True),
    ("paced_us", "CPU per streamed delta, 20 ms apart, us", 0, True),
    ("start_mb", "memory after the first answer, MB", 0, True),
    ("load_mb", "memory after the load, MB", 0, True),
    ("first_token_s", "process start to first streamed token, s", 2, True),
    ("chat_p50", "whole chat, p50, ms", 2, False),
    ("chat_p99", "whole chat, p99, ms", 2, False),
    ("added_p50", "added to boto3's, p50, ms", 2, True),
    ("added_p99", "added to boto3's, p99, ms", 2, True),
    ("first_p50", "request to first streamed content, p50, ms", 2, True),
    ("first_p99", "request to first streamed content, p99, ms", 2, False),
    ("crowd", "100 streams of 40 tokens at 20 ms: time, 1 is ideal", 3, False),
    ("late_ms", "worst lateness of a stream beside five that stall 1.5 s, ms", 1, False),
    ("lost", "tokens lost by 400 concurrent streams, of 8000", 0, False),
)

QUOTED = """\
Measured earlier, on another 2-core machine, by others with the same work, and quoted here, not repeated:

| | CPU per chat, ms | CPU per streamed delta, us | memory, MB | start to first token, s |
|---|--:|--:|--:|--:|
| LiteLLM proxy | 8.7 | 337 | 376 | 5.0 |
| bedrock-access-gateway | 1.3 | 152 | 124 | 0.65 |
| Portkey (Node) | 3.1 | 22 | 88 | 0.25 |
| boto3 alone | 0.86 | 13 | | |
"""

METHOD = """\
How to read it. All run at the same time on the same machine, take turns within each round, and talk to the emulator in a
process of its own (`--no-validate --no-chop --record 0`); the load generator is raw asyncio and only stores bytes while it
measures. CPU is user plus system time of the process and its children. Each figure is the median of the rounds, and in
brackets is how many times this gateway's it is. A streamed delta's CPU is that of a long stream less that of a short
one. *As fast as they come*: 400 tokens at once, which a gateway may handle in a few reads. *20 ms apart*: ten streams out
of step, each token by itself, so that most of it is the price of waking up: system calls, the loop, a thread's hand-over.
`emulator alone` is the load generator straight to the emulator: the floor that the set-up puts under every other column.
Wall-clock figures suffer from whatever else the machine does; CPU and memory hardly do.
"""


def render(samples: Mapping[str, Samples]) -> str:
    """The table; `samples` by contender's name."""
    figures = {name: {figure: median(values) for figure, values in found.items()} for name, found in samples.items()}
    direct = figures.get(BOTO3, {})
    for name, found in figures.items():
        for share in ("p50", "p99"):
            if name not in (BOTO3, FLOOR) and f"chat_{share}" in found and f"chat_{share}" in direct:
                found[f"added_{share}"] = found[f"chat_{share}"] - direct[f"chat_{share}"]
    ours = figures.get(OURS, {})
    lines = [f"| | {' | '.join(figures)} |", f"|---|{'--:|' * len(figures)}"]
    for figure, title, decimals, ratio in ROWS:
        cells = (
            _cell(found.get(figure), ours.get(figure) if ratio and name != OURS else None, decimals)
            for name, found in figures.items()
        )
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def page(table: str, machine: str, rounds: int, notes: Sequence[str]) -> str:
    """What `bench/results.md` holds."""
    told = "".join(f"\n{note}\n" for note in notes)
    return (
        "# Benchmark\n\n<!-- Made by ./dev bench --write -->\n\n"
        f"{machine}; {rounds} rounds.\n\n{table}{told}\n{METHOD}\n{QUOTED}"
    )


def _cell(value: float | None, ours: float | None, decimals: int) -> str:
    if value is None:
        return ""
    text = f"{value:.{decimals}f}"
    return f"{text} ({value / ours:.1f}x)" if ours and ours > 0 else text
