"""The OpenAI Agents SDK over Responses, as it is out of the box: tools, handoffs, structured output, state at the gateway."""

from __future__ import annotations

from typing import Any

from agents import (  # type: ignore[import-not-found]
    Agent,
    ModelSettings,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai.types.shared import Reasoning
from pydantic import BaseModel

from tests.clients.checks import CLAUDE, NOVA, check, main, told

set_tracing_disabled(True)  # it would tell OpenAI
TURNS: Any = {"max_turns": 6}


class City(BaseModel):
    name: str
    country: str


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


@function_tool
def get_time() -> str:
    """The time."""
    return "noon"


@check
def does_what_the_documentation_says() -> None:
    assert told("OpenAI Agents SDK") == "The tool answered: 18 degrees in Paris"


@check
async def answers() -> None:
    for model in (CLAUDE, NOVA):
        result = await Runner.run(Agent(name="Assistant", instructions="Be brief.", model=model), "Hello")
        assert result.final_output == "You said: Hello"


@check
async def runs_tools_whole_and_streamed() -> None:
    for model in (CLAUDE, NOVA):
        agent = Agent(name="Assistant", model=model, tools=[get_weather, get_time])
        result = await Runner.run(agent, "Use the tools for Paris.", **TURNS)
        assert result.final_output == "The tool answered: 18 degrees in Paris; noon"
        stream = Runner.run_streamed(agent, "Use the tools for Paris.", **TURNS)
        kinds = [event.data.type async for event in stream.stream_events() if event.type == "raw_response_event"]
        assert stream.final_output == result.final_output
        assert kinds.count("response.completed") == 2
        assert "response.function_call_arguments.delta" in kinds


@check
async def keeps_signed_reasoning_through_a_tool_loop() -> None:
    settings = ModelSettings(
        reasoning=Reasoning(effort="low", summary="auto"), store=False, response_include=["reasoning.encrypted_content"]
    )
    agent = Agent(name="Assistant", model=CLAUDE, tools=[get_weather], model_settings=settings)
    result = await Runner.run(agent, "What is the weather in Paris?", **TURNS)
    assert result.final_output == "The tool answered: 18 degrees in Paris"
    kept = [item for item in result.to_input_list() if item.get("type") == "reasoning"]
    assert kept
    assert kept[0]["encrypted_content"]


@check
async def hands_off_to_another_agent() -> None:
    for model in (CLAUDE, NOVA):
        weather = Agent(name="Weather", model=model, handoff_description="Knows the weather.")
        triage = Agent(name="Triage", model=model, handoffs=[weather], instructions="Hand over to whoever knows.")
        result = await Runner.run(triage, "Use transfer_to_weather for Paris.", **TURNS)
        assert result.last_agent.name == "Weather"
        assert "Weather" in result.final_output  # its answer repeats what the handoff said


@check
async def fills_a_model() -> None:
    for model in (CLAUDE, NOVA):
        agent = Agent(name="Assistant", model=model, output_type=City)
        result = await Runner.run(agent, "name: Paris, country: France")
        assert result.final_output == City(name="Paris", country="France")


@check
async def fills_a_model_after_a_tool() -> None:
    agent = Agent(name="Assistant", model=CLAUDE, tools=[get_weather], output_type=City)
    result = await Runner.run(agent, "What is the weather in Paris?", **TURNS)
    assert isinstance(result.final_output, City)
    assert len(result.raw_responses) == 2


@check
async def goes_on_from_what_the_gateway_keeps() -> None:
    agent = Agent(name="Assistant", model=CLAUDE)
    first = await Runner.run(agent, "Hello")
    second = await Runner.run(agent, "And now?", previous_response_id=first.last_response_id)
    assert second.final_output == "You said: And now?"
    assert second.context_wrapper.usage.input_tokens > first.context_wrapper.usage.input_tokens


@check
async def keeps_a_conversation() -> None:
    from agents import OpenAIConversationsSession

    session = OpenAIConversationsSession()
    agent = Agent(name="Assistant", model=NOVA)
    await Runner.run(agent, "Hello", session=session)
    result = await Runner.run(agent, "And now?", session=session)
    assert result.final_output == "You said: And now?"
    assert len(await session.get_items()) == 4


main()
