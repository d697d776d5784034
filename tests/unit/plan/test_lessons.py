"""What models have refused is remembered, for a while and within bounds."""

from __future__ import annotations

from app.plan.lessons import LEARNED_SECONDS, MAX_LEARNED, MAX_QUIRKS, RecentLessons


def test_a_lesson_is_forgotten_after_a_while() -> None:
    now = [10_000.0]
    mine = RecentLessons(lambda: now[0])
    mine.learn("m", "stop")
    mine.learn("m", "top_p", 10_000.0 - LEARNED_SECONDS + 1)
    assert mine.known("m") == {"stop", "top_p"}
    assert mine.known("other") == set()
    now[0] += 1
    assert mine.known("m") == {"stop"}
    now[0] += LEARNED_SECONDS
    assert mine.known("m") == set()


def test_an_older_word_does_not_shorten_a_younger_one() -> None:
    mine = RecentLessons(lambda: 5000.0)
    mine.learn("m", "stop")
    mine.learn("m", "stop", 1.0)
    assert mine.known("m") == {"stop"}


def test_the_memory_is_bounded_and_the_oldest_goes_first() -> None:
    mine = RecentLessons(lambda: 1.0)
    for number in range(MAX_LEARNED + 5):
        mine.learn(f"m{number}", "stop")
    assert [mine.known(f"m{number}") for number in (0, 4)] == [set(), set()]
    assert [mine.known(f"m{number}") for number in (5, MAX_LEARNED + 4)] == [{"stop"}, {"stop"}]
    for number in range(MAX_QUIRKS + 1):
        mine.learn("m5", f"max_tokens:{number}")
    assert mine.known("m5") == {f"max_tokens:{number}" for number in range(1, MAX_QUIRKS + 1)}
