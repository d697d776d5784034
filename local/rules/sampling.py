"""Rules about inferenceConfig: what a model samples with, how long it may answer, and what stops it."""

from collections.abc import Iterator

from local.models import Sampling
from local.rules.asked import Asked, model_says, unsupported


def broken(asked: Asked) -> Iterator[str]:
    """Violations within inferenceConfig."""
    yield from _length(asked)
    yield from _stops(asked)
    sampling = asked.facts.sampling
    temperature, top_p = asked.inference.get("temperature"), asked.inference.get("topP")
    if sampling is Sampling.ONE and temperature is not None and top_p is not None:
        yield model_says("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if sampling is Sampling.FIXED:
        if temperature not in (None, 1):
            yield model_says("`temperature` is deprecated for this model.")
        if top_p is not None:
            yield model_says("`top_p` is deprecated for this model.")
        if "top_k" in asked.fields:
            yield model_says("`top_k` is deprecated for this model.")
    if sampling is Sampling.REFUSED:
        for name, value in (("temperature", temperature), ("topP", top_p)):
            if value is not None:
                yield unsupported(f"inferenceConfig.{name}")


def _length(asked: Asked) -> Iterator[str]:
    wanted = asked.inference.get("maxTokens")
    if wanted is None:
        return
    facts = asked.facts
    if wanted > facts.max_output:
        yield (
            f"The maximum tokens you requested exceeds the model limit of {facts.max_output}. "
            f"Try again with a maximum tokens value that is lower than {facts.max_output}."
        )
    if wanted < facts.min_output:
        yield model_says(
            "Invalid 'max_output_tokens': integer below minimum value. "
            f"Expected a value >= {facts.min_output}, but got {wanted} instead."
        )


def _stops(asked: Asked) -> Iterator[str]:
    stops = asked.inference.get("stopSequences")
    if not stops:
        return
    if not asked.facts.stop_limit:
        yield unsupported("stopSequences")
    elif len(stops) > asked.facts.stop_limit:
        yield f"The number of stopSequences exceeds the model limit of {asked.facts.stop_limit}."
    if any(not stop for stop in stops):
        yield "stopSequences: each stop sequence must not be empty"
    if asked.facts.is_claude and any(not stop.strip() for stop in stops):
        yield model_says("stop_sequences: each stop sequence must contain non-whitespace")
