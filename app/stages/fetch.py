"""Replaces links in a prompt by what is behind them, a few at a time. Implements Preparer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from app.core.ports import Allowance, Call, Fetcher
from app.core.prompt import Blob, Link, Media, Message, Part, Prompt, ToolResult
from app.errors import InvalidRequest

MAX_LINKS = 40
AT_ONCE = 6


class FetchLinks:
    """Each distinct URL is fetched once per request, at most `AT_ONCE` at a time, and `max_total` bytes of all together."""

    def __init__(self, fetcher: Fetcher, max_total: int) -> None:
        self._fetcher = fetcher
        self._max_total = max_total

    async def prepare(self, prompt: Prompt, call: Call) -> Prompt:
        links = {media.source.url: media.param for media in _media(prompt) if isinstance(media.source, Link)}
        if not links:
            return prompt
        if len(links) > MAX_LINKS:
            raise InvalidRequest(
                f"At most {MAX_LINKS} remote files per request.", param=list(links.values())[MAX_LINKS]
            )
        room, allowance = asyncio.Semaphore(AT_ONCE), Allowance(self._max_total)

        async def fetch(url: str, param: str) -> Blob:
            async with room:
                return await self._fetcher.fetch(url, param=param, allowance=allowance)

        tasks = [asyncio.create_task(fetch(url, param)) for url, param in links.items()]
        try:
            fetched = dict(zip(links, await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()
        return replace(prompt, messages=tuple(_filled(message, fetched) for message in prompt.messages))


def _media(prompt: Prompt) -> list[Media]:
    found: list[Media] = []
    for message in prompt.messages:
        for part in message.parts:
            inner = part.content if isinstance(part, ToolResult) else (part,)
            found.extend(item for item in inner if isinstance(item, Media))
    return found


def _filled(message: Message, fetched: dict[str, Blob]) -> Message:
    def fill(part: Part) -> Part:
        match part:
            case Media(source=Link(url)):
                return replace(part, source=fetched[url], name=part.name or url.partition("?")[0].rsplit("/", 1)[-1])
            case ToolResult(content=content):
                return replace(part, content=tuple(fill(item) for item in content))  # type: ignore[misc]
            case _:
                return part

    return Message(message.role, tuple(fill(part) for part in message.parts))
