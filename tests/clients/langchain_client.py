"""LangChain: ChatOpenAI and OpenAIEmbeddings. It drops reasoning, so the gateway has to keep it between turns."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage  # type: ignore[import-not-found]
from langchain_core.tools import tool  # type: ignore[import-not-found]
from langchain_openai import ChatOpenAI, OpenAIEmbeddings  # type: ignore[import-not-found]
from pydantic import BaseModel

from tests.clients.checks import CLAUDE, NOVA, TITAN, check, main


class City(BaseModel):
    """A city."""

    name: str
    country: str


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


@tool
def get_time(city: str) -> str:
    """The time in a city."""
    return f"noon in {city}"


def chat(model: str = NOVA, **settings: Any) -> Any:
    return ChatOpenAI(model=model, max_retries=0, timeout=20, **settings)


@check
def chats() -> None:
    reply = chat().invoke([("system", "Be brief."), ("human", "Hello")])
    assert reply.content == "You said: Hello"
    assert reply.usage_metadata["total_tokens"] > 0
    assert reply.response_metadata["model_name"] == NOVA
    assert reply.response_metadata["finish_reason"] == "stop"


@check
def streams_with_usage() -> None:
    whole: Any = None
    for chunk in chat(stream_usage=True).stream("Hello"):
        whole = chunk if whole is None else whole + chunk
    assert whole.content == "You said: Hello"
    assert whole.usage_metadata["total_tokens"] > 0


@check
async def streams_asynchronously() -> None:
    assert "".join([chunk.content async for chunk in chat().astream("Hello")]) == "You said: Hello"


def loop(model: Any, stream: bool) -> Any:
    """A question, its parallel calls, their results, the answer."""
    messages: list[Any] = [HumanMessage("Use the tools for Paris.")]
    bound = model.bind_tools([get_weather, get_time])

    def ask() -> Any:
        if not stream:
            return bound.invoke(messages)
        chunks = list(bound.stream(messages))
        return sum(chunks[1:], chunks[0])

    reply = ask()
    assert [(call["name"], call["args"]) for call in reply.tool_calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_time", {"city": "Paris"}),
    ]
    messages.append(reply)
    for call in reply.tool_calls:
        chosen = get_weather if call["name"] == "get_weather" else get_time
        messages.append(ToolMessage(chosen.invoke(call["args"]), tool_call_id=call["id"]))
    return ask()


@check
def runs_a_tool_loop() -> None:
    for stream in (False, True):
        assert loop(chat(), stream).content == "The tool answered: 18 degrees in Paris; noon in Paris"


@check
def runs_a_tool_loop_with_reasoning_it_drops() -> None:
    for stream in (False, True):
        reply = loop(chat(CLAUDE, reasoning_effort="low"), stream)
        assert reply.content == "The tool answered: 18 degrees in Paris; noon in Paris"


@check
def forces_a_tool_with_any_and_by_name() -> None:
    for choice in ("any", "required", "get_time", True):
        tools = [get_time] if choice is True else [get_time, get_weather]
        reply = chat().bind_tools(tools, tool_choice=choice).invoke("Hello")
        assert [call["name"] for call in reply.tool_calls] == ["get_time"]


@check
def gives_structured_output_by_every_method() -> None:
    for model in (CLAUDE, NOVA):
        for method in ("json_schema", "function_calling", "json_mode"):
            question = "name: Paris, country: France."
            if method == "json_mode":
                question += f" Answer with a JSON object of this schema: {City.model_json_schema()}".replace("'", '"')
            city = chat(model).with_structured_output(City, method=method).invoke(question)
            assert city == City(name="Paris", country="France"), (model, method)


@check
def streams_structured_output() -> None:
    for model in (CLAUDE, NOVA):
        last = list(chat(model).with_structured_output(City).stream("name: Paris, country: France"))[-1]
        assert last == City(name="Paris", country="France")


@check
def embeds_token_numbers_as_it_does_by_default() -> None:
    embeddings = OpenAIEmbeddings(model=TITAN)
    tokens = embeddings.embed_documents(["alpha", "beta"])
    text = OpenAIEmbeddings(model=TITAN, check_embedding_ctx_length=False).embed_documents(["alpha", "beta"])
    assert [len(vector) for vector in tokens] == [1024, 1024]
    assert all(abs(one - other) < 1e-6 for one, other in zip(tokens[1], text[1], strict=True))


@check
def embeds_text_with_dimensions() -> None:
    embeddings = OpenAIEmbeddings(model=TITAN, check_embedding_ctx_length=False, dimensions=256)
    assert len(embeddings.embed_query("alpha")) == 256


main()
