"""Requests and replies as the server passes them on: a reply is a head and a run of timed steps."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Act(Enum):
    """What a step does: sends bytes, or ends the reply badly."""

    SEND = "send"
    CUT = "cut"
    HANG = "hang"


class Step(NamedTuple):
    """A piece of a reply, `wait` seconds after the piece before it; `events` of them end in it."""

    data: bytes = b""
    wait: float = 0.0
    events: int = 0
    act: Act = Act.SEND


@dataclass(slots=True)
class Delivery:
    """What became of a reply: events written, whether the client hung up first, and a flag for the end of it."""

    events: int = 0
    hung_up: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Reply:
    """Status, headers and steps; `chunked` replies have no length. `cut_up` splits bytes into chunk bodies."""

    status: int
    headers: dict[str, str]
    steps: Iterator[Step]
    chunked: bool = False
    cut_up: Callable[[bytes], list[bytes]] | None = None
    delivery: Delivery = field(default_factory=Delivery)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as read: `path` still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
