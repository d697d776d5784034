"""Replaces links in a prompt by what is behind them, a few at a time. Implements Preparer.

A link in an older turn or a tool result that cannot be fetched becomes `Broken`; in the last user turn it refuses the request.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from weakref import WeakValueDictionary

from app.core.ports import Allowance, Call, Fetcher
from app.core.prompt import Blob, Broken, Link, Media, Message, Part, Prompt, ToolResult
from app.errors import InvalidRequest

MAX_LINKS = 40
AT_ONCE = 6
SHARE = 8
"""Fetches of one key at once, so that its slow hosts do not hold up those of others: there are threads for several keys."""


class FetchLinks:
    """Each distinct URL is fetched once per request, at most `AT_ONCE` at a time, and `max_total` bytes of all together."""

    def __init__(self, fetcher: Fetcher, max_total: int) -> None:
        self._fetcher = fetcher
        self._max_total = max_total
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def prepare(self, prompt: Prompt, call: Call) -> Prompt:
        found = [(media, media.source.url) for media in _media(prompt) if isinstance(media.source, Link)]
        if not found:
            return prompt
        strict = {url: media.param for media, url in found if not media.optional}
        old = {url: media.param for media, url in reversed(found) if url not in strict}
        dropped = list(old)[max(0, MAX_LINKS - len(strict)) :]  # the oldest
        links = strict | {url: param for url, param in old.items() if url not in dropped}
        if len(strict) > MAX_LINKS:
            raise InvalidRequest(
                f"At most {MAX_LINKS} remote files per request.", param=list(strict.values())[MAX_LINKS]
            )
        room, allowance = asyncio.Semaphore(AT_ONCE), Allowance(self._max_total)
        share = self._shares.setdefault(call.caller.key_id, asyncio.Semaphore(SHARE))

        async def fetch(url: str, param: str) -> Blob | Broken:
            async with room, share:
                try:
                    return await self._fetcher.fetch(url, param=param, allowance=allowance)
                except InvalidRequest as problem:
                    if url in strict:
                        raise
                    return Broken(problem.message, problem.code)

        tasks = [asyncio.create_task(fetch(url, param)) for url, param in links.items()]
        fetched: dict[str, Blob | Broken] = dict.fromkeys(
            dropped, Broken(f"At most {MAX_LINKS} remote files per request.")
        )
        try:
            fetched |= zip(links, await asyncio.gather(*tasks), strict=True)
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


def _filled(message: Message, fetched: dict[str, Blob | Broken]) -> Message:
    def fill(part: Part) -> Part:
        match part:
            case Media(source=Link(url)):
                return replace(part, source=fetched[url], name=part.name or url.partition("?")[0].rsplit("/", 1)[-1])
            case ToolResult(content=content):
                return replace(part, content=tuple(fill(item) for item in content))  # type: ignore[misc]
            case _:
                return part

    return Message(message.role, tuple(fill(part) for part in message.parts))
