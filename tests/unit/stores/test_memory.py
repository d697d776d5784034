"""The stash in memory forgets the oldest first, by number and by bytes."""

from __future__ import annotations

from app.core.prompt import Reasoning
from app.stores.memory import MemoryStash

ONE = (Reasoning("1", "s"),)


async def test_the_oldest_goes_first_and_what_is_written_again_is_young() -> None:
    stash = MemoryStash(2)
    for name in ("a", "b", "a", "c"):
        await stash.put("t", name, ONE)
    assert [bool(await stash.get("t", name)) for name in ("a", "b", "c")] == [True, False, True]


async def test_a_stash_of_no_size_keeps_nothing() -> None:
    stash = MemoryStash(0)
    await stash.put("t", "a", ONE)
    assert await stash.get("t", "a") == ()


async def test_tenants_do_not_see_each_other() -> None:
    stash = MemoryStash(2)
    await stash.put("t", "a", ONE)
    assert await stash.get("u", "a") == ()


async def test_large_thoughts_do_not_fill_the_memory() -> None:
    """10,000 calls with 100 KB of thought each would take a gigabyte."""
    stash = MemoryStash(10_000, 1_000_000)
    names = [f"call_{number}" for number in range(50)]
    for name in names:
        await stash.put("t", name, (Reasoning("x" * 50_000, "s" * 50_000),))
    kept = await stash.get_many("t", names)
    assert list(kept) == names[-9:]
    await stash.put("t", names[-1], ONE)
    for name in names[:8]:
        await stash.put("t", name, ONE)
    assert list(await stash.get_many("t", names)) == [*names[:8], *names[-9:]]


async def test_a_thought_larger_than_the_whole_stash_is_not_kept() -> None:
    stash = MemoryStash(10, 1000)
    await stash.put("t", "a", (Reasoning("x" * 2000),))
    assert await stash.get("t", "a") == ()
    await stash.put("t", "b", ONE)
    assert await stash.get("t", "b") == ONE
