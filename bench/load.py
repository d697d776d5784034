"""How much work each figure is made of, the same for all. Bounded in count and in time."""

from __future__ import annotations

from typing import NamedTuple

PACE = 0.02  # seconds between tokens
SHORT = 4  # tokens of the stream that stands for a request's own cost
BURST = 400  # tokens of a stream that comes as fast as it can


class Load(NamedTuple):
    """Requests per round: whole chats, short streams, long unpaced streams."""

    chats: int = 500
    short_streams: int = 150
    bursts: int = 40


class Streams(NamedTuple):
    """So many streams at once, of so many tokens, so many seconds apart."""

    streams: int
    tokens: int
    pace: float = PACE

    @property
    def ideal(self) -> float:
        """Seconds they take where nothing is in the way."""
        return self.tokens * self.pace


QUICK = Load(chats=100, short_streams=40, bursts=10)
PACED = Streams(10, 200)
CROWD = Streams(100, 40)
MASS = Streams(400, 20, 0.1)
STALL = 1.5  # seconds
STALLING = Streams(5, 2, STALL)
STEADY = Streams(1, 100)


def tokens(count: int) -> str:
    """The prompt that the emulator answers with `count` tokens at once."""
    return f"[[emulate: tokens={count}]]"


def paced(count: int, pace: float = PACE) -> str:
    """The prompt that it answers with `count` tokens, one every `pace` seconds."""
    return f"[[emulate: delay={pace} tokens={count}]]"


def stalling() -> str:
    """A stream that begins and then says nothing for `STALL` seconds, before each of its tokens."""
    return paced(STALLING.tokens, STALL)


def words(count: int) -> list[str]:
    """What the emulator says when it is told to say `count` tokens."""
    return [f"t{number}" for number in range(count)]
