"""LlamaIndex: OpenAILike as chat and as legacy completion model, an agent, and embeddings."""

from __future__ import annotations

from typing import Any

from llama_index.core.agent.workflow import FunctionAgent  # type: ignore[import-not-found]
from llama_index.core.llms import ChatMessage  # type: ignore[import-not-found]
from llama_index.core.tools import FunctionTool  # type: ignore[import-not-found]
from llama_index.embeddings.openai_like import OpenAILikeEmbedding  # type: ignore[import-not-found]
from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-not-found]
from pydantic import BaseModel

from tests.clients.checks import API_KEY, BASE_URL, CLAUDE, NOVA, TITAN, check, main

HELLO = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Hello")]


class City(BaseModel):
    """A city."""

    name: str
    country: str


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


def llm(model: str = NOVA, **settings: Any) -> Any:
    given = {"is_chat_model": True, "is_function_calling_model": True, "context_window": 100_000} | settings
    return OpenAILike(model=model, api_base=BASE_URL, api_key=API_KEY, max_retries=0, timeout=20, **given)


@check
def chats() -> None:
    assert llm().chat(HELLO).message.content == "You said: Hello"


@check
def streams() -> None:
    chunks = list(llm().stream_chat(HELLO))
    assert len(chunks) > 1
    assert chunks[-1].message.content == "You said: Hello"


@check
async def streams_asynchronously() -> None:
    stream = await llm().astream_chat(HELLO)
    assert "".join([chunk.delta or "" async for chunk in stream]) == "You said: Hello"


@check
def completes_by_the_legacy_route() -> None:
    legacy = llm(is_chat_model=False, is_function_calling_model=False)
    assert legacy.complete("Once upon a time").text == "You said: Once upon a time"
    assert list(legacy.stream_complete("Once upon a time"))[-1].text == "You said: Once upon a time"


@check
def calls_tools() -> None:
    tool = FunctionTool.from_defaults(get_weather)
    model = llm()
    reply = model.chat_with_tools([tool], user_msg="What is the weather in Paris?", tool_required=True)
    (call,) = model.get_tool_calls_from_response(reply)
    assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": "Paris"})


@check
async def runs_an_agent() -> None:
    for model in (NOVA, CLAUDE):
        agent = FunctionAgent(tools=[get_weather], llm=llm(model), streaming=True)
        reply = await agent.run("What is the weather in Paris?")
        assert str(reply) == "The tool answered: 18 degrees in Paris"


@check
async def runs_an_agent_with_reasoning() -> None:
    model = llm(CLAUDE, additional_kwargs={"reasoning_effort": "low"})
    reply = await FunctionAgent(tools=[get_weather], llm=model).run("What is the weather in Paris?")
    assert str(reply) == "The tool answered: 18 degrees in Paris"


@check
def gives_structured_output() -> None:
    for model in (CLAUDE, NOVA):
        for settings in ({}, {"should_use_structured_outputs": True}):
            structured = llm(model, **settings).as_structured_llm(City)
            reply = structured.chat([ChatMessage(role="user", content="name: Paris, country: France")])
            assert reply.raw == City(name="Paris", country="France")


@check
def embeds_in_batches() -> None:
    embedding = OpenAILikeEmbedding(model_name=TITAN, api_base=BASE_URL, api_key=API_KEY, embed_batch_size=10)
    vectors = embedding.get_text_embedding_batch([f"word {number}" for number in range(25)])
    assert [len(vector) for vector in vectors] == [1024] * 25
    assert len(embedding.get_query_embedding("word 3")) == 1024


main()
