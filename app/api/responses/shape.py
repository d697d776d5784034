"""What the two halves of this endpoint agree on: the one that decodes and encodes, and the one that keeps state.

    decode.references(body)                          ids of `item_reference` items, to be looked up before decoding
    decode.decode(body, history=, referenced=)       -> Decoded; pure; raises InvalidRequest, NotFound, ValidationError
    stream.ResponseStream(id, created, decoded)      an `Encoder`: (`begin()`,) `feed(0, batch)`, `finish()` or `fail(body)`;
                                                     after that `.kept` is the response object with everything in it, and
                                                     `.response` is it as the client may see it
    encode.response_object(id, created, decoded, status=...)   a response object at any other moment: queued, cancelled
    encode.shown(response, include)                  a kept response as a client may see it: sealed reasoning where it asked
    sealed.seal_summary(text)                        the `encrypted_content` of a compaction item, which `decode` takes back

A whole answer is made by the same `ResponseStream`, its frames thrown away, so that there is one mapping and not two.
What is kept always holds `encrypted_content`: it is what brings a model's signed reasoning back to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from app.core.prompt import Prompt

Json = Any
Item = dict[str, Any]
Kind = Literal["function", "custom", "tool_search"]


class Named(NamedTuple):
    """A tool as the client knows it."""

    kind: Kind
    name: str
    namespace: str = ""


Names = Mapping[str, Named]
"""By the name under which a model sees the tool."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request. `echo` is what the response object repeats of it; `input_items` is its own input, each with id and type.

    `compacts`: the answer is a summary that replaces the conversation, as one `compaction` item.
    `repairs`: what was done to it before it became a prompt, for the receipt. `names`: see `Names`.
    `store`, `background`, `previous_response_id` and `conversation` are the client's words, for whoever keeps state: where
    they are not to be had, `dataclasses.replace` them, because the response object repeats them.
    """

    prompt: Prompt
    stream: bool
    store: bool
    background: bool
    previous_response_id: str
    conversation: str
    include: frozenset[str]
    names: Names
    echo: Mapping[str, Json]
    input_items: list[Item]
    summary: bool = False
    truncate: bool = False
    compacts: bool = False
    repairs: Mapping[str, int] = field(default_factory=dict)
