"""The figures, one coroutine each. Each takes a running server and returns numbers by figure name (see `table`)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.contenders import Contender
from bench.load import BURST, CROWD, MASS, PACED, SHORT, STALLING, STEADY, Load, Streams, paced, stalling, tokens, words
from bench.processes import Server
from bench.replies import body, deltas, status
from bench.wire import Connection, Recording, connect, together

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Subject:
    """A contender that runs."""

    contender: Contender
    server: Server

    def stream(self, prompt: str) -> bytes:
        return self.contender.ask(prompt, stream=True)


async def everything(subject: Subject, load: Load) -> Figures:
    """One round."""
    figures = await chats(subject, load.chats)
    figures |= await streams(subject, load)
    figures["paced_us"] = await paced_cpu(subject)
    figures["crowd"] = await crowd(subject)
    figures["late_ms"] = await lateness(subject)
    figures["lost"] = await lost(subject)
    return figures


async def chats(subject: Subject, count: int) -> Figures:
    """Whole chats, one after the other on one connection, after a fifth as many to warm up."""
    request = subject.contender.ask("Hello there", stream=False)
    connection = await connect(subject.server.port)
    await _repeat(connection, request, count // 5)
    cpu = subject.server.cpu()
    answers = await _repeat(connection, request, count)
    cpu = subject.server.cpu() - cpu
    connection.close()
    _check(subject, answers)
    times = [answer.seconds * 1000 for answer in answers]
    p99 = quantiles(times, n=100)[98]
    return {"chat_ms": cpu / len(times) * 1000, "chat_p50": median(times), "chat_p99": p99}


async def streams(subject: Subject, load: Load) -> Figures:
    """Streams that come as fast as they can: CPU per delta less the request's own, and the wait for the first byte."""
    connection = await connect(subject.server.port)
    await _repeat(connection, subject.stream(tokens(SHORT)), load.short_streams // 5)
    cpu: list[float] = []
    firsts: list[float] = []
    for count, times in ((SHORT, load.short_streams), (BURST, load.bursts)):
        began = subject.server.cpu()
        answers = await _repeat(connection, subject.stream(tokens(count)), times)
        cpu.append((subject.server.cpu() - began) / len(answers))
        _check(subject, answers, count)
        if count == SHORT:
            firsts = [(deltas(answer)[0].at - answer.sent) * 1000 for answer in answers]
    connection.close()
    burst = (cpu[1] - cpu[0]) / (BURST - SHORT) * 1e6
    return {"burst_us": burst, "first_p50": median(firsts), "first_p99": quantiles(firsts, n=100)[98]}


async def paced_cpu(subject: Subject) -> float:
    """Microseconds of CPU per delta of ten streams at 20 ms, out of step with one another, less the requests' own."""
    cpu: list[float] = []
    for count in (SHORT, PACED.tokens):
        requests = [subject.stream(paced(count))] * PACED.streams
        began = subject.server.cpu()
        answers = await together(subject.server.port, requests, apart=PACED.pace / PACED.streams)
        cpu.append(subject.server.cpu() - began)
        _check(subject, answers, count)
    return (cpu[1] - cpu[0]) / ((PACED.tokens - SHORT) * PACED.streams) * 1e6


async def crowd(subject: Subject) -> float:
    """100 concurrent streams: how much longer they take, from the first request to the last byte, than the pace asks."""
    answers = await together(subject.server.port, [subject.stream(paced(CROWD.tokens))] * CROWD.streams)
    _check(subject, answers, CROWD.tokens)
    return overrun(answers, CROWD)


def overrun(answers: Sequence[Recording | BaseException], work: Streams) -> float:
    good = [answer for answer in answers if isinstance(answer, Recording)]
    return (max(answer.arrivals[-1][0] for answer in good) - min(answer.sent for answer in good)) / work.ideal


async def lateness(subject: Subject) -> float:
    """Five streams stall; by how many milliseconds a sixth one's latest token missed the pace of its others."""
    requests = [subject.stream(stalling())] * STALLING.streams + [subject.stream(paced(STEADY.tokens))]
    answers = await together(subject.server.port, requests)
    _check(subject, answers[:-1], STALLING.tokens)
    _check(subject, answers[-1:], STEADY.tokens)
    steady = answers[-1]
    assert isinstance(steady, Recording)
    return latest([delta.at for delta in deltas(steady)])


def latest(times: Sequence[float]) -> float:
    """The largest lateness in milliseconds; token number n is due n paces after the schedule's start.

    The schedule is laid through the most punctual token, so that none is early.
    """
    offsets = [at - STEADY.pace * number for number, at in enumerate(times)]
    return (max(offsets) - min(offsets)) * 1000


async def lost(subject: Subject) -> float:
    """Tokens that 400 concurrent streams did not deliver, failed requests included."""
    prompt = paced(MASS.tokens, MASS.pace)
    answers = await together(subject.server.port, [subject.stream(prompt)] * MASS.streams)
    return sum(_missing(answer, MASS.tokens) for answer in answers)


async def first_token(subject: Subject) -> float:
    """Seconds from the start of the process to the first content of a stream."""
    subject.server.wait()
    for _ in range(50):
        connection = await connect(subject.server.port)
        try:
            answer = await connection.ask(subject.stream("Hello"))
        finally:
            connection.close()
        if status(answer) == 200:
            return deltas(answer)[0].at - subject.server.started
        await asyncio.sleep(0.02)  # the port is open before the application is ready
    raise RuntimeError(
        f"{subject.contender.name} does not stream:\n{bytes(answer.raw)!r}\n{subject.server.complaint()}"
    )


async def _repeat(connection: Connection, request: bytes, count: int) -> list[Recording]:
    return [await connection.ask(request) for _ in range(count)]


def _check(subject: Subject, answers: Sequence[Recording | BaseException], count: int | None = None) -> None:
    """A figure counts only where the work was done: raises RuntimeError where an answer failed or is not whole."""
    for answer in answers:
        if isinstance(answer, BaseException):
            raise RuntimeError(f"{subject.contender.name}: {answer!r}\n{subject.server.complaint()}")
        said = b"Hello there" in body(answer) if count is None else not _missing(answer, count)
        if status(answer) != 200 or not said:
            raise RuntimeError(f"{subject.contender.name} answered {bytes(answer.raw[-600:])!r}")


def _missing(answer: Recording | BaseException, count: int) -> int:
    if isinstance(answer, BaseException) or status(answer) != 200:
        return count
    return len(set(words(count)) - set("".join(delta.text for delta in deltas(answer)).split()))
