// The OpenAI Agents SDK for JavaScript over Responses, its default, and over chat completions.
import assert from "node:assert/strict";
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { BASE_URL, API_KEY, BREAKS, CLAUDE, NOVA, run } from "./checks.mjs";

const client = (apiKey = API_KEY) => new OpenAI({ baseURL: BASE_URL, apiKey, maxRetries: 0, timeout: 20_000 });
const SURFACES = {
  responses: (name, key) => new OpenAIResponsesModel(client(key), name),
  chat: (name, key) => new OpenAIChatCompletionsModel(client(key), name),
};
const MODELS = Object.values(SURFACES).flatMap((model) => [NOVA, CLAUDE].map((name) => model(name)));
const runner = new Runner({ tracingDisabled: true }); // traces would go to OpenAI

const City = z.object({ name: z.string(), country: z.string() });
const get_weather = tool({
  name: "get_weather", description: "The weather in a city.", parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `18 degrees in ${city}`,
});
const get_time = tool({
  name: "get_time", description: "The time.", parameters: z.object({}), execute: async () => "noon",
});
const assistant = (model, more = {}) => new Agent({ name: "Assistant", instructions: "Be brief.", model, ...more });

await run({
  async answers() {
    for (const model of MODELS) assert.equal((await runner.run(assistant(model), "Hello")).finalOutput, "You said: Hello");
  },

  async streams() {
    for (const model of MODELS) {
      const result = await runner.run(assistant(model), "Hello", { stream: true });
      let text = "";
      for await (const piece of result.toTextStream()) text += piece;
      await result.completed;
      assert.equal(text, "You said: Hello");
      assert.equal(result.finalOutput, text);
    }
  },

  async "runs tools, whole and streamed"() {
    const answer = "The tool answered: 18 degrees in Paris; noon";
    for (const model of MODELS) {
      const agent = assistant(model, { tools: [get_weather, get_time] });
      assert.equal((await runner.run(agent, "Use the tools for Paris.")).finalOutput, answer);
      const streamed = await runner.run(agent, "Use the tools for Paris.", { stream: true });
      await streamed.completed;
      assert.equal(streamed.finalOutput, answer);
    }
  },

  async "carries signed reasoning through a tool loop"() {
    const modelSettings = { store: false, reasoning: { effort: "low", summary: "auto" }, providerData: { include: ["reasoning.encrypted_content"] } };
    const agent = assistant(SURFACES.responses(CLAUDE), { tools: [get_weather], modelSettings });
    const result = await runner.run(agent, "What is the weather in Paris?");
    assert.equal(result.finalOutput, "The tool answered: 18 degrees in Paris");
    assert.ok(result.history.some((item) => item.type === "reasoning" && item.providerData?.encrypted_content));
  },

  async "hands off to another agent"() {
    const weather = new Agent({ name: "Weather", model: SURFACES.responses(CLAUDE), handoffDescription: "Knows the weather." });
    const triage = Agent.create({ name: "Triage", model: SURFACES.responses(CLAUDE), handoffs: [weather] });
    assert.equal((await runner.run(triage, "Use transfer_to_Weather for Paris.")).lastAgent.name, "Weather");
  },

  async "fills an output type"() {
    for (const model of MODELS) {
      const result = await runner.run(assistant(model, { outputType: City }), "name: Paris, country: France");
      assert.deepEqual(result.finalOutput, { name: "Paris", country: "France" });
    }
  },

  async "throws its own errors"() {
    for (const model of Object.values(SURFACES)) {
      await assert.rejects(runner.run(assistant(model(NOVA, "wrong")), "Hello"), OpenAI.AuthenticationError);
      await assert.rejects(runner.run(assistant(model(NOVA)), "Hello [[emulate: throttle]]"), OpenAI.RateLimitError);
    }
  },

  async "throws when a stream breaks"() {
    for (const model of MODELS)
      for (const [broken, message] of Object.entries(BREAKS)) {
        const result = await runner.run(assistant(model), `one two three [[emulate: ${broken}]]`, { stream: true });
        const read = async () => {
          for await (const _ of result.toTextStream());
          await result.completed;
        };
        await assert.rejects(read, (problem) => problem instanceof OpenAI.APIError && message.test(problem.message));
      }
  },
});
