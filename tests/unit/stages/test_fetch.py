"""Links are replaced by what is behind them, each once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.core.ports import Allowance, Call, Caller
from app.core.prompt import Blob, Broken, Link, Media, Message, Prompt, S3Object, Text, ToolResult
from app.errors import InvalidRequest
from app.stages.fetch import AT_ONCE, MAX_LINKS, SHARE, FetchLinks
from tests.unit.stages.upstreams import call

TOTAL = 1000


class Counting:
    """Implements Fetcher."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.now = self.most = 0

    async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
        self.asked.append((url, param))
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return Blob("YWJj", 3)


def linked(*urls: str) -> tuple[Media, ...]:
    return tuple(Media("image", Link(url), param=f"p{number}") for number, url in enumerate(urls))


class Slow(Counting):
    """`slow.test` answers when `answers` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()

    async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
        if "slow.test" in url:
            self.now += 1
            await self.answers.wait()
            self.now -= 1
        return await super().fetch(url, param=param, allowance=allowance)


async def test_a_slow_host_of_one_key_leaves_room_for_other_keys() -> None:
    fetcher = Slow()
    links = FetchLinks(fetcher, TOTAL)

    def asking(key: str, host: str) -> asyncio.Task[Prompt]:
        prompt = Prompt("m", (Message("user", linked(*(f"https://{host}/{number}" for number in range(6)))),))
        return asyncio.create_task(links.prepare(prompt, Call("r", Caller(key), "chat.completions")))

    crowd = [asking("slow", "slow.test") for _ in range(5)]
    await asking("other", "quick.test")
    assert fetcher.now == SHARE
    fetcher.answers.set()
    await asyncio.gather(*crowd)
    assert fetcher.now == 0


async def test_a_link_is_fetched_once_however_often_it_stands_there() -> None:
    fetcher = Counting()
    there = linked("https://a/x/cat.png?size=1")
    result = ToolResult("c", (Text("t"), *there))
    prompt = Prompt("m", (Message("user", (*there, Text("a"), *there)), Message("user", (result,))))
    prepared = await FetchLinks(fetcher, TOTAL).prepare(prompt, call())
    filled = Media("image", Blob("YWJj", 3), name="cat.png", param="p0")
    assert prepared.messages[0].parts == (filled, Text("a"), filled)
    assert prepared.messages[1].parts == (ToolResult("c", (Text("t"), filled)),)
    assert fetcher.asked == [("https://a/x/cat.png?size=1", "p0")]


async def test_a_prompt_without_links_is_left_alone() -> None:
    prompt = Prompt("m", (Message("user", (Text("a"), Media("image", S3Object("s3://b/c")))),))
    assert await FetchLinks(Counting(), TOTAL).prepare(prompt, call()) is prompt


async def test_only_a_few_are_fetched_at_a_time() -> None:
    fetcher = Counting()
    urls = [f"https://a/{number}" for number in range(MAX_LINKS)]
    await FetchLinks(fetcher, TOTAL).prepare(Prompt("m", (Message("user", linked(*urls)),)), call())
    assert (len(fetcher.asked), fetcher.most) == (MAX_LINKS, AT_ONCE)


async def test_too_many_are_refused_before_any_is_fetched() -> None:
    fetcher = Counting()
    urls = [f"https://a/{number}" for number in range(MAX_LINKS + 1)]
    with pytest.raises(InvalidRequest) as caught:
        await FetchLinks(fetcher, TOTAL).prepare(Prompt("m", (Message("user", linked(*urls)),)), call())
    assert (caught.value.param, fetcher.asked) == (f"p{MAX_LINKS}", [])


async def test_a_name_that_is_given_is_kept() -> None:
    named = Media("document", Link("https://a/x.pdf"), name="mine.pdf")
    (message,) = (
        await FetchLinks(Counting(), TOTAL).prepare(Prompt("m", (Message("user", (named,)),)), call())
    ).messages
    assert isinstance(message.parts[0], Media)
    assert message.parts[0].name == "mine.pdf"


async def test_the_files_of_a_request_share_one_allowance() -> None:
    allowances: set[Allowance] = set()

    class Taking:
        """Implements Fetcher."""

        async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
            allowances.add(allowance)
            if not allowance.take(TOTAL // 2):
                raise InvalidRequest("too much", param=param)
            return Blob("YWJj", TOTAL // 2)

    for count, enough in ((2, True), (3, False), (2, True)):
        prompt = Prompt("m", (Message("user", linked(*(f"https://a/{number}" for number in range(count)))),))
        if enough:
            await FetchLinks(Taking(), TOTAL).prepare(prompt, call())
        else:
            with pytest.raises(InvalidRequest, match="too much"):
                await FetchLinks(Taking(), TOTAL).prepare(prompt, call())
    assert len(allowances) == 3


async def test_the_first_failure_gives_the_other_fetches_up() -> None:
    cancelled: list[str] = []

    class Failing:
        """Implements Fetcher."""

        async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
            if url.endswith("bad"):
                raise InvalidRequest("no", param=param)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(url)
                raise
            raise AssertionError

    with pytest.raises(InvalidRequest):
        await FetchLinks(Failing(), TOTAL).prepare(
            Prompt("m", (Message("user", linked("https://a/slow", "https://a/bad")),)), call()
        )
    await asyncio.sleep(0)
    assert cancelled == ["https://a/slow"]


class Unreachable(Counting):
    async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
        await super().fetch(url, param=param, allowance=allowance)
        raise InvalidRequest("The URL cannot be reached.", param=param, code="invalid_image_url")


async def test_a_link_of_an_older_turn_that_is_unreachable_is_broken() -> None:
    old = replace(linked("https://a/x")[0], optional=True)
    prepared = await FetchLinks(Unreachable(), TOTAL).prepare(Prompt("m", (Message("user", (old,)),)), call())
    (part,) = prepared.messages[0].parts
    assert isinstance(part, Media)
    assert part.source == Broken("The URL cannot be reached.", "invalid_image_url")
    with pytest.raises(InvalidRequest, match="cannot be reached"):
        await FetchLinks(Unreachable(), TOTAL).prepare(
            Prompt("m", (Message("user", (old, *linked("https://a/x"))),)), call()
        )


async def test_a_long_session_with_many_links_drops_the_oldest() -> None:
    fetcher = Counting()
    old = tuple(replace(each, optional=True) for each in linked(*(f"https://a/{n}" for n in range(MAX_LINKS + 5))))
    prompt = Prompt("m", (Message("user", (*old, *linked("https://a/new"))),))
    parts = (await FetchLinks(fetcher, TOTAL).prepare(prompt, call())).messages[0].parts
    broken = [isinstance(part, Media) and isinstance(part.source, Broken) for part in parts]
    assert broken == [True] * 6 + [False] * MAX_LINKS
    assert len(fetcher.asked) == MAX_LINKS
