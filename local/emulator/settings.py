"""How one emulator behaves; the flags of `python -m local.emulator` have the same names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Fixed for the life of an emulator.

    validate: check bodies against the service model and the semantic rules.
    token_delay: seconds between two tokens of a stream, where the prompt does not say.
    chop: split and merge stream frames at random boundaries; pad: add the random padding key to stream events.
    seed: makes the chopping and padding repeatable.
    record: how many requests to remember; 0 remembers none.
    guardrail_word: the word that a guardrail blocks, in whatever case.
    """

    validate: bool = True
    token_delay: float = 0.0
    chop: bool = True
    pad: bool = True
    seed: int = 0
    record: int = 1000
    guardrail_word: str = "forbidden"
