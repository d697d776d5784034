"""MODEL_ALIASES: names for ordered chains of targets, read strictly, so that a slip is told at start. Pure.

{"quick": "us.amazon.nova-lite-v1:0",                              one target
 "safe":  ["us.a", {"model": "a", "region": "us-west-2", "tier": "flex"}, "b"],    the next where one fails
 "ab":    [{"split": [{"model": "a", "weight": 90}, {"model": "b", "weight": 10}]}, "c"],   one of them by weight
 "best":  ["safe", "ab"],                                          another alias: its chain stands in its place
 "fast":  null}                                                    takes a preset away
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from pydantic_core import from_json

from app.core.route import Hop
from app.plan import model_id
from app.plan.presets import PRESETS

Step = tuple[tuple[int, Hop], ...]
"""Weighted arms, of which a request takes one; a target that is no split is a single arm."""
Chain = tuple[Step, ...]

MAX_TEXT = 64 * 1024
MAX_ALIASES = 200
MAX_STEPS = 16
"""Targets in a chain, aliases within it counted by theirs: no request can wait for more."""
MAX_ARMS = 16
MAX_WEIGHT = 1_000_000
TIERS = {"default": "default", "flex": "flex", "priority": "priority", "fast": "priority", "scale": "reserved"}
"""OpenAI's words for a service tier -> Bedrock's."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_REGION = re.compile(r"[a-z]{2,5}(?:-[a-z]{2,9}){1,3}-\d{1,2}")
_MODEL = re.compile(r"\S{1,2048}")
_FIELDS = ("model", "region", "profile", "tier", "larger")


def table(text: str) -> dict[str, Chain]:
    """The presets and what the setting makes of them. Raises ValueError with a text that says where it is wrong.

    The text never repeats a model: it may be an ARN.
    """
    return expanded(parse(text) if text else {})


def presets() -> dict[str, Chain]:
    return {
        name: tuple(((1, Hop(model, listed=True)),) for model in models)
        for name, models in PRESETS.items()
    }  # fmt: skip


def parse(text: str) -> dict[str, Chain | None]:
    """The setting as it stands: aliases within chains are not looked at yet. Raises ValueError."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"at most {MAX_TEXT} characters are taken")
    try:
        value = from_json(text)
    except ValueError as problem:
        raise ValueError(f"not JSON: {str(problem)[:100]}") from None
    if not isinstance(value, dict):
        raise ValueError('a JSON object is expected, such as {"quick": "us.amazon.nova-lite-v1:0"}')
    if len(value) > MAX_ALIASES:
        raise ValueError(f"at most {MAX_ALIASES} aliases are taken")
    return {_name(name): _chain(f"alias {name!r}", chain) for name, chain in value.items()}


def expanded(given: Mapping[str, Chain | None]) -> dict[str, Chain]:
    """The presets with `given` on top of them, every alias within a chain replaced by its own. Raises ValueError."""
    everything = {name: chain for name, chain in {**presets(), **given}.items() if chain is not None}
    return {name: _spliced(name, everything, ()) for name in everything}


def drawn(chain: Chain, draw: Callable[[], float]) -> tuple[Hop, ...]:
    """One request's way along a chain: of each split the arm that `draw` (0 <= x < 1) hits."""
    return tuple(step[0][1] if len(step) == 1 else _arm(step, draw()) for step in chain)


def _arm(step: Step, point: float) -> Hop:
    ends = list(accumulate(weight for weight, _ in step))
    # Even the largest float below 1 times a whole number is rounded to less than that: there is an end above it.
    return step[bisect_right(ends, point * ends[-1])][1]


def _spliced(name: str, everything: Mapping[str, Chain], above: tuple[str, ...]) -> Chain:
    if name in above:
        raise ValueError(f"alias {above[0]!r} leads back to itself ({' -> '.join((*above, name))[:200]})")
    steps: list[Step] = []
    for step in everything[name]:
        inner = [hop for _, hop in step if hop.model in everything]
        if not inner:
            steps.append(step)
        elif len(step) > 1:
            raise ValueError(f"alias {name!r}: an arm of a split can't be the alias {inner[0].model!r}; name its model")
        elif inner[0] != Hop(inner[0].model):
            raise ValueError(f"alias {name!r}: {inner[0].model!r} is an alias, and takes no further fields here")
        else:
            steps += _spliced(inner[0].model, everything, (*above, name))
        if len(steps) > MAX_STEPS:
            raise ValueError(f"alias {name!r}: at most {MAX_STEPS} targets are taken")
    return tuple(steps)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:80]!r} can't be the name of an alias: letters, digits and . _ : / - are taken, at most 64 of them"
        )
    parsed = model_id.parse(name)
    if model_id.is_arn(name) or parsed is None or parsed.geography is not None or model_id.has_provider(parsed.base):
        raise ValueError(f"{name!r} can't be the name of an alias: it is a model's id")
    return name


def _chain(where: str, value: Any) -> Chain | None:
    if value is None:
        return None
    if not isinstance(value, list):
        return (_step(where, value, True),)
    if not 0 < len(value) <= MAX_STEPS:
        raise ValueError(f"{where}: a list of 1 to {MAX_STEPS} targets is expected")
    return tuple(_step(f"{where}, target {place}", entry, place == 1) for place, entry in enumerate(value, 1))


def _step(where: str, value: Any, first: bool) -> Step:
    if not isinstance(value, dict) or "split" not in value:
        return ((1, _hop(where, value, ())),)
    if set(value) != {"split"}:
        raise ValueError(f"{where}: a split stands alone; fields belong to its arms")
    if not first:
        raise ValueError(f"{where}: only the first target of a list can be a split")
    arms = value["split"]
    if not isinstance(arms, list) or not 1 < len(arms) <= MAX_ARMS:
        raise ValueError(f"{where}: a split is a list of 2 to {MAX_ARMS} targets, each with a weight")
    step = tuple((_weight(f"{where}, arm {at}", arm), _hop(f"{where}, arm {at}", arm, ("weight",)))
                 for at, arm in enumerate(arms, 1))  # fmt: skip
    if not any(weight for weight, _ in step):
        raise ValueError(f"{where}: at least one arm needs a weight above 0")
    return step


def _weight(where: str, arm: Any) -> int:
    weight = arm.get("weight") if isinstance(arm, dict) else None
    if not isinstance(weight, int) or isinstance(weight, bool) or not 0 <= weight <= MAX_WEIGHT:
        raise ValueError(f"{where}: weight: a whole number from 0 to {MAX_WEIGHT} is expected")
    return weight


def _hop(where: str, value: Any, more: tuple[str, ...]) -> Hop:
    if isinstance(value, str):
        value = {"model": value}
    if not isinstance(value, dict):
        raise ValueError(f"{where}: a model's name, or an object with `model`, is expected")
    unknown = [name for name in value if name not in (*_FIELDS, *more)]
    if unknown == ["weight"]:
        raise ValueError(f'{where}: weights belong into a split: {{"split": [{{"model": "a", "weight": 90}}, ...]}}')
    if unknown:
        raise ValueError(f"{where}: unknown field {unknown[0][:40]!r}; known are {', '.join(_FIELDS)}")
    larger = value.get("larger", False)
    if not isinstance(larger, bool):
        raise ValueError(f"{where}: larger: true or false is expected")
    tier = _text(where, value, "tier", re.compile("|".join(TIERS)), "one of " + ", ".join(TIERS))
    return Hop(
        _text(where, value, "model", _MODEL, "a model's name"),
        _text(where, value, "region", _REGION, "an AWS region such as us-west-2"),
        _text(where, value, "profile", _MODEL, "the id or ARN of an inference profile"),
        TIERS.get(tier, ""),
        larger,
    )


def _text(where: str, value: Mapping[str, Any], name: str, pattern: re.Pattern[str], expected: str) -> str:
    if name not in value and name != "model":
        return ""
    text = value.get(name)
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(f"{where}: {name}: {expected} is expected")
    return text
