// The Vercel AI SDK over @ai-sdk/openai-compatible, as opencode, Cline and n8n use it. It checks every chunk with zod.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { BASE_URL, API_KEY, CLAUDE, NOVA, TITAN, run } from "./checks.mjs";

const settings = { name: "gateway", baseURL: BASE_URL, apiKey: API_KEY, includeUsage: true };
const gateway = createOpenAICompatible({ ...settings, supportsStructuredOutputs: true });
const plain = createOpenAICompatible(settings); // asks for structured output by json_object
const common = { maxRetries: 0 };
globalThis.AI_SDK_LOG_WARNINGS = false; // that json_object carries no schema is known
const City = z.object({ name: z.string(), country: z.string() });
const described = "name: Paris, country: France";
const tools = {
  get_weather: tool({
    description: "The weather in a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `18 degrees in ${city}`,
  }),
  get_time: tool({ description: "Takes nothing.", inputSchema: z.object({}), execute: async () => "noon" }),
};
const loop = (model, more = {}) => ({
  ...common, model: gateway(model), tools, stopWhen: stepCountIs(3), prompt: "Use the tools for Paris.", ...more,
});
const reasoning = { providerOptions: { gateway: { reasoningEffort: "low" } } };
const answer = "The tool answered: 18 degrees in Paris; noon";

await run({
  async chats() {
    const { text, usage, finishReason } = await generateText({ ...common, model: gateway(NOVA), system: "Be brief.", prompt: "Hello" });
    assert.equal(text, "You said: Hello");
    assert.equal(finishReason, "stop");
    assert.ok(usage.totalTokens > 0);
  },

  async "streams with usage"() {
    const result = streamText({ ...common, model: gateway(NOVA), prompt: "Hello" });
    let text = "";
    for await (const piece of result.textStream) text += piece;
    assert.equal(text, "You said: Hello");
    assert.ok((await result.usage).totalTokens > 0);
  },

  async "runs a tool loop"() {
    for (const model of [NOVA, CLAUDE]) {
      const { text, steps } = await generateText(loop(model));
      assert.equal(text, answer);
      assert.deepEqual(steps[0].toolCalls.map((call) => [call.toolName, call.input]), [["get_weather", { city: "Paris" }], ["get_time", {}]]);
    }
  },

  async "runs a streamed tool loop"() {
    for (const model of [NOVA, CLAUDE]) {
      const result = streamText(loop(model));
      const kinds = new Set();
      for await (const part of result.fullStream) {
        if (part.type === "error") throw part.error;
        kinds.add(part.type);
      }
      assert.ok(kinds.has("tool-input-delta") && kinds.has("tool-result"));
      assert.equal(await result.text, answer);
    }
  },

  async "runs tool loops with reasoning"() {
    const whole = await generateText(loop(CLAUDE, reasoning));
    assert.equal(whole.text, answer);
    assert.match(whole.steps[0].reasoningText, /The user says/);
    const result = streamText(loop(CLAUDE, reasoning));
    let thought = "";
    for await (const part of result.fullStream) {
      if (part.type === "error") throw part.error;
      if (part.type === "reasoning-delta") thought += part.text;
    }
    assert.equal(await result.text, answer);
    assert.match(thought, /The user says/);
  },

  async "forces a tool"() {
    for (const toolChoice of ["required", { type: "tool", toolName: "get_weather" }]) {
      const { toolCalls } = await generateText({ ...common, model: gateway(NOVA), tools, toolChoice, prompt: "Hello" });
      assert.deepEqual(toolCalls.map((call) => call.toolName), ["get_weather"]);
    }
  },

  async "gives structured output by schema and by json_object"() {
    const told = `${described}. Answer with JSON of this schema: ${JSON.stringify(z.toJSONSchema(City))}`;
    for (const [provider, prompt] of [[gateway, described], [plain, told]]) {
      for (const model of [CLAUDE, NOVA]) {
        const { output } = await generateText({ ...common, model: provider(model), prompt, output: Output.object({ schema: City }) });
        assert.deepEqual(output, { name: "Paris", country: "France" });
      }
    }
  },

  async "streams structured output"() {
    for (const model of [CLAUDE, NOVA]) {
      const result = streamText({ ...common, model: gateway(model), prompt: described, output: Output.object({ schema: City }) });
      let last;
      for await (const part of result.partialOutputStream) last = part;
      assert.deepEqual(last, { name: "Paris", country: "France" });
    }
  },

  async "sends a file and an image"() {
    const pdf = { type: "file", mediaType: "application/pdf", filename: "a.pdf", data: Buffer.from("%PDF-1.4\n%%EOF\n") };
    const gif = { type: "image", image: Buffer.from("R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "base64") };
    const content = [{ type: "text", text: "Look" }, pdf, gif];
    const { text } = await generateText({ ...common, model: gateway(CLAUDE), messages: [{ role: "user", content }] });
    assert.match(text, /I see the document ".*", a gif image of 1x1 pixels/);
  },

  async embeds() {
    const { embeddings, usage } = await embedMany({ ...common, model: gateway.textEmbeddingModel(TITAN), values: ["alpha", "beta"] });
    assert.deepEqual(embeddings.map((each) => each.length), [1024, 1024]);
    assert.ok(usage.tokens > 0);
  },

  async "meets errors before and within a stream"() {
    const throttled = "one two three [[emulate: throttle]]";
    await assert.rejects(generateText({ ...common, model: gateway(NOVA), prompt: throttled }), { statusCode: 429 });
    const within = "one two three [[emulate: throttle after=2]]";
    const result = streamText({ ...common, model: gateway(NOVA), prompt: within, onError() {} });
    const errors = [];
    for await (const part of result.fullStream) if (part.type === "error") errors.push(part.error.message);
    // The error frame is sent unnamed and then named, and this SDK reads both.
    assert.deepEqual([...new Set(errors)], ["Too many requests, please wait before trying again."]);
    assert.equal(await result.finishReason, "error");
  },
});
