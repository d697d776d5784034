"""pydantic-ai: agents with tools and each way to structured output, streams, reasoning, and embeddings."""

from __future__ import annotations

from typing import Any

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, Embedder, NativeOutput, PromptedOutput, ToolOutput  # type: ignore[import-not-found]
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel  # type: ignore[import-not-found]
from pydantic_ai.messages import ThinkingPart  # type: ignore[import-not-found]
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings  # type: ignore[import-not-found]
from pydantic_ai.providers.openai import OpenAIProvider  # type: ignore[import-not-found]

from tests.clients.checks import CLAUDE, NOVA, TITAN, check, main


class City(BaseModel):
    """A city."""

    name: str
    country: str


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


def provider() -> Any:
    return OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0, timeout=20))


def agent(model: str = NOVA, **settings: Any) -> Any:
    return Agent(OpenAIChatModel(model, provider=provider()), **settings)


@check
async def chats() -> None:
    result = await agent(instructions="Be brief.").run("Hello")
    assert result.output == "You said: Hello"
    assert result.usage.output_tokens > 0


@check
async def streams() -> None:
    async with agent().run_stream("Hello") as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
    assert len(pieces) > 1
    assert "".join(pieces) == "You said: Hello"
    assert result.usage.output_tokens > 0


@check
async def runs_a_tool_loop() -> None:
    for model in (NOVA, CLAUDE):
        result = await agent(model, tools=[get_weather]).run("What is the weather in Paris?")
        assert result.output == "The tool answered: 18 degrees in Paris"


@check
async def runs_a_streamed_tool_loop_with_reasoning() -> None:
    settings = OpenAIChatModelSettings(openai_reasoning_effort="low")
    async with agent(CLAUDE, tools=[get_weather], model_settings=settings).run_stream(
        "What is the weather in Paris?"
    ) as result:
        assert await result.get_output() == "The tool answered: 18 degrees in Paris"
    thoughts = [part for message in result.all_messages() for part in message.parts if isinstance(part, ThinkingPart)]
    assert len(thoughts) == 2
    assert "The user says" in thoughts[0].content


@check
async def goes_on_with_a_history() -> None:
    chat = agent(CLAUDE, tools=[get_weather])
    first = await chat.run("What is the weather in Paris?")
    second = await chat.run("Thank you", message_history=first.all_messages())
    assert second.output == "You said: Thank you"


@check
async def gives_structured_output_by_every_way() -> None:
    for model in (CLAUDE, NOVA):
        for way in (ToolOutput, NativeOutput, PromptedOutput):
            result = await agent(model, output_type=way(City)).run("name: Paris, country: France")
            assert result.output == City(name="Paris", country="France"), (model, way)


@check
async def gives_structured_output_after_a_tool() -> None:
    for model in (CLAUDE, NOVA):
        chat = agent(model, tools=[get_weather], output_type=City)
        result = await chat.run("What is the weather in Paris?")
        assert isinstance(result.output, City)


@check
async def sends_a_file() -> None:
    pdf = BinaryContent(b"%PDF-1.4\n%%EOF\n", media_type="application/pdf")
    assert "I see the document" in (await agent(CLAUDE).run(["Look", pdf])).output


@check
async def embeds() -> None:
    embedder = Embedder(OpenAIEmbeddingModel(TITAN, provider=provider()))
    result = await embedder.embed_documents(["alpha", "beta"])
    assert [len(vector) for vector in result.embeddings] == [1024, 1024]


main()
