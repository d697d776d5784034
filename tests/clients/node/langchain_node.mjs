// LangChain.js: ChatOpenAI over chat completions and over Responses, and OpenAIEmbeddings.
import assert from "node:assert/strict";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import OpenAI from "openai";
import { z } from "zod";
import { BASE_URL, API_KEY, BREAKS, CLAUDE, NOVA, TITAN, run } from "./checks.mjs";

const SURFACES = [false, true]; // useResponsesApi

const chat = (model, useResponsesApi, more = {}) =>
  new ChatOpenAI({
    model, useResponsesApi, apiKey: API_KEY, maxRetries: 0, timeout: 20_000, configuration: { baseURL: BASE_URL }, ...more,
  });
const City = z.object({ name: z.string(), country: z.string() });
const get_weather = tool(({ city }) => `18 degrees in ${city}`, {
  name: "get_weather", description: "The weather in a city.", schema: z.object({ city: z.string() }),
});
const get_time = tool(({ city }) => `noon in ${city}`, {
  name: "get_time", description: "The time in a city.", schema: z.object({ city: z.string() }),
});
const tools = { get_weather, get_time };

async function gather(stream) {
  let whole;
  for await (const chunk of stream) whole = whole === undefined ? chunk : whole.concat(chunk);
  return whole;
}

async function toolLoop(model, isStream) {
  const bound = model.bindTools([get_weather, get_time]);
  const ask = async (messages) => (isStream ? gather(await bound.stream(messages)) : bound.invoke(messages));
  const messages = [new HumanMessage("Use the tools for Paris.")];
  const reply = await ask(messages);
  assert.deepEqual(reply.tool_calls.map((call) => [call.name, call.args]), [
    ["get_weather", { city: "Paris" }],
    ["get_time", { city: "Paris" }],
  ]);
  messages.push(reply);
  for (const call of reply.tool_calls)
    messages.push(new ToolMessage({ content: await tools[call.name].invoke(call.args), tool_call_id: call.id }));
  return ask(messages);
}

await run({
  async chats() {
    for (const surface of SURFACES) {
      const reply = await chat(NOVA, surface).invoke([["system", "Be brief."], ["human", "Hello"]]);
      assert.equal(reply.text, "You said: Hello");
      assert.ok(reply.usage_metadata.total_tokens > 0);
    }
  },

  async "streams with usage"() {
    for (const surface of SURFACES) {
      const whole = await gather(await chat(NOVA, surface).stream("Hello"));
      assert.equal(whole.text, "You said: Hello");
      assert.ok(whole.usage_metadata.total_tokens > 0);
    }
  },

  async "runs tool loops, whole and streamed"() {
    for (const surface of SURFACES)
      for (const model of [NOVA, CLAUDE])
        for (const isStream of [false, true]) {
          const reply = await toolLoop(chat(model, surface), isStream);
          assert.equal(reply.text, "The tool answered: 18 degrees in Paris; noon in Paris");
        }
  },

  async "runs tool loops with reasoning"() {
    for (const surface of SURFACES)
      for (const isStream of [false, true]) {
        const reply = await toolLoop(chat(CLAUDE, surface, { reasoning: { effort: "low" } }), isStream);
        assert.equal(reply.text, "The tool answered: 18 degrees in Paris; noon in Paris");
      }
  },

  async "gives structured output by every method"() {
    for (const model of [CLAUDE, NOVA])
      for (const method of ["jsonSchema", "functionCalling"]) {
        const structured = chat(model, false).withStructuredOutput(City, { name: "city", method });
        assert.deepEqual(await structured.invoke("name: Paris, country: France"), { name: "Paris", country: "France" });
      }
  },

  async embeds() {
    const embeddings = new OpenAIEmbeddings({ model: TITAN, apiKey: API_KEY, configuration: { baseURL: BASE_URL } });
    assert.deepEqual((await embeddings.embedDocuments(["alpha", "beta"])).map((each) => each.length), [1024, 1024]);
  },

  async "throws its own errors"() {
    for (const surface of SURFACES) {
      await assert.rejects(chat(NOVA, surface, { apiKey: "wrong" }).invoke("Hello"), { status: 401, lc_error_code: "MODEL_AUTHENTICATION" });
      await assert.rejects(chat(NOVA, surface).invoke("Hello [[emulate: throttle]]"), { status: 429, lc_error_code: "MODEL_RATE_LIMIT" });
      await assert.rejects(chat("missing", surface).invoke("Hello"), { status: 404, lc_error_code: "MODEL_NOT_FOUND" });
    }
  },

  async "throws when a stream breaks"() {
    for (const surface of SURFACES)
      for (const [broken, message] of Object.entries(BREAKS))
        for (const model of [NOVA, CLAUDE])
          await assert.rejects(
            async () => gather(await chat(model, surface).stream(`one two three [[emulate: ${broken}]]`)),
            (problem) => problem instanceof OpenAI.APIError && message.test(problem.message),
          );
  },
});
