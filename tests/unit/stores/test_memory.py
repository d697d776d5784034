"""The stash in memory forgets the oldest first."""

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
