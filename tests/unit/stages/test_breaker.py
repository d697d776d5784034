"""Targets that fail are left alone for a while, and asked again with care."""

from __future__ import annotations

from app.core.plan import Target, Traits
from app.stages.breaker import LIMIT, OPEN, OPEN_UNUSABLE, THRESHOLD, THRESHOLD_UNUSABLE, WINDOW, Breaker, key_of

KEY = ("us.m", "")


class Timed(Breaker):
    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(lambda: self.now)

    def fails(self, times: int, *, unusable: bool = False) -> None:
        for _ in range(times):
            self.failed(KEY, unusable=unusable)


def opened() -> Timed:
    breaker = Timed()
    breaker.fails(THRESHOLD)
    return breaker


def test_a_target_is_a_model_in_a_region() -> None:
    assert key_of(Target("us.m", "m", Traits(), "us-west-2")) == ("us.m", "us-west-2")


def test_a_few_failures_are_no_matter_and_more_are() -> None:
    breaker = Timed()
    breaker.fails(THRESHOLD - 1)
    assert breaker.admits(KEY)
    breaker.fails(1)
    assert not breaker.admits(KEY)
    assert breaker.admits(("us.m", "us-west-2"))


def test_only_failures_close_together_count() -> None:
    breaker = Timed()
    for _ in range(3 * THRESHOLD):
        breaker.fails(1)
        breaker.now += WINDOW / 2
    assert breaker.admits(KEY)


def test_a_success_in_between_starts_anew() -> None:
    breaker = Timed()
    for _ in range(5):
        breaker.fails(THRESHOLD - 1)
        breaker.succeeded(KEY)
    assert breaker.admits(KEY)


def test_when_its_time_is_up_one_request_tries() -> None:
    breaker = opened()
    breaker.now += OPEN
    assert breaker.admits(KEY)
    assert not breaker.admits(KEY)
    breaker.succeeded(KEY)
    assert breaker.admits(KEY)
    assert breaker.admits(KEY)


def test_a_trial_that_fails_opens_it_again() -> None:
    breaker = opened()
    breaker.now += OPEN
    assert breaker.admits(KEY)
    breaker.fails(1)
    breaker.now += OPEN - 1
    assert not breaker.admits(KEY)
    breaker.now += 1
    assert breaker.admits(KEY)


def test_a_trial_that_was_never_heard_of_again_is_not_waited_for() -> None:
    breaker = opened()
    breaker.now += OPEN
    assert breaker.admits(KEY)
    breaker.now += OPEN
    assert breaker.admits(KEY)


def test_a_model_that_cant_be_called_at_all_is_left_alone_sooner_and_longer() -> None:
    breaker = Timed()
    breaker.fails(THRESHOLD_UNUSABLE - 1, unusable=True)
    assert breaker.admits(KEY)
    breaker.fails(1, unusable=True)
    breaker.now += OPEN_UNUSABLE - 1
    assert not breaker.admits(KEY)
    breaker.now += 1
    assert breaker.admits(KEY)


def test_a_clock_that_is_set_back_keeps_nothing_open() -> None:
    breaker = opened()
    breaker.now -= 10 * OPEN_UNUSABLE
    assert breaker.admits(KEY)


def test_the_oldest_open_target_is_forgotten_beyond_the_limit() -> None:
    breaker = Timed()
    targets = [(f"m{number}", "") for number in range(LIMIT + 1)]
    for target in targets:
        for _ in range(THRESHOLD):
            breaker.failed(target)
    assert [target for target in targets if breaker.admits(target)] == targets[:1]


def test_the_oldest_failures_are_forgotten_beyond_the_limit() -> None:
    breaker = Timed()
    targets = [(f"m{number}", "") for number in range(LIMIT + 1)]
    for target in targets:
        for _ in range(THRESHOLD - 1):
            breaker.failed(target)
    for target in targets[1], targets[0]:
        breaker.failed(target)
    assert breaker.admits(targets[0])
    assert not breaker.admits(targets[1])
