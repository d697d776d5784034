// The Vercel AI SDK's own provider for OpenAI, whose default is Responses. It checks every event with zod.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";
import { BASE_URL, API_KEY, CLAUDE, NOVA, TITAN, run } from "./checks.mjs";

const gateway = createOpenAI({ baseURL: BASE_URL, apiKey: API_KEY });
const common = { maxRetries: 0 };
globalThis.AI_SDK_LOG_WARNINGS = false;
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
// It takes names that it does not know for models that do not reason, unless it is told; and the gateway need keep nothing.
const openai = { forceReasoning: true, reasoningEffort: "low", reasoningSummary: "auto", store: false, include: ["reasoning.encrypted_content"] };
const reasoning = { providerOptions: { openai } };
const answer = "The tool answered: 18 degrees in Paris; noon";
const quiet = { onError() {} };

async function finished(result) {
  const kinds = new Set();
  for await (const part of result.fullStream) {
    if (part.type === "error") throw part.error;
    kinds.add(part.type);
  }
  return kinds;
}

await run({
  async "does what the documentation says"() {
    const text = readFileSync(new URL("../../docs/sdks.md", import.meta.url), "utf8"); // this file lies in .clients/node
    const code = text.split("\n## Vercel AI SDK\n")[1].split("```js\n")[1].split("```")[0];
    assert.equal(execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: new URL(".", import.meta.url), encoding: "utf8" }).trim(), "You said: Hello!");
  },

  async answers() {
    const { text, usage, finishReason } = await generateText({ ...common, model: gateway(NOVA), system: "Be brief.", prompt: "Hello" });
    assert.equal(text, "You said: Hello");
    assert.equal(finishReason, "stop");
    assert.ok(usage.totalTokens > 0);
  },

  async "streams with usage"() {
    const result = streamText({ ...common, model: gateway(NOVA), prompt: "Hello" });
    await finished(result);
    assert.equal(await result.text, "You said: Hello");
    assert.ok((await result.usage).totalTokens > 0);
  },

  async "runs a tool loop, whole and streamed"() {
    for (const model of [NOVA, CLAUDE]) {
      const { text, steps } = await generateText(loop(model));
      assert.equal(text, answer);
      assert.deepEqual(steps[0].toolCalls.map((call) => [call.toolName, call.input]), [["get_weather", { city: "Paris" }], ["get_time", {}]]);
      const result = streamText(loop(model));
      const kinds = await finished(result);
      assert.ok(kinds.has("tool-input-delta") && kinds.has("tool-result"));
      assert.equal(await result.text, answer);
    }
  },

  async "runs tool loops with reasoning"() {
    const whole = await generateText(loop(CLAUDE, reasoning));
    assert.equal(whole.text, answer);
    assert.match(whole.steps[0].reasoningText, /The user says/);
    const result = streamText(loop(CLAUDE, reasoning));
    assert.ok((await finished(result)).has("reasoning-delta"));
    assert.equal(await result.text, answer);
  },

  async "refers to what the gateway keeps"() {
    const whole = await generateText(loop(CLAUDE, { providerOptions: { openai: { ...openai, store: true, include: undefined } } }));
    assert.equal(whole.text, answer);
    const { responseId } = whole.steps[0].providerMetadata.openai;
    const more = { providerOptions: { openai: { previousResponseId: responseId } } };
    const first = await generateText({ ...common, model: gateway(NOVA), prompt: "Hello" });
    more.providerOptions.openai.previousResponseId = first.providerMetadata.openai.responseId;
    const second = await generateText({ ...common, model: gateway(NOVA), prompt: "And now?", ...more });
    assert.ok(responseId);
    assert.equal(second.text, "You said: And now?");
    assert.ok(second.usage.inputTokens > first.usage.inputTokens);
  },

  async "forces a tool"() {
    for (const toolChoice of ["required", { type: "tool", toolName: "get_weather" }]) {
      const { toolCalls } = await generateText({ ...common, model: gateway(NOVA), tools, toolChoice, prompt: "Hello" });
      assert.deepEqual(toolCalls.map((call) => call.toolName), ["get_weather"]);
    }
  },

  async "generates objects"() {
    for (const model of [CLAUDE, NOVA]) {
      const { object } = await generateObject({ ...common, model: gateway(model), prompt: described, schema: City });
      assert.deepEqual(object, { name: "Paris", country: "France" });
      const { output } = await generateText({ ...common, model: gateway(model), prompt: described, output: Output.object({ schema: City }) });
      assert.deepEqual(output, { name: "Paris", country: "France" });
      const result = streamObject({ ...common, model: gateway(model), prompt: described, schema: City, ...quiet });
      let last;
      for await (const part of result.partialObjectStream) last = part;
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

  async "meets errors before and within a stream"() {
    const throttled = "one two three [[emulate: throttle]]";
    await assert.rejects(generateText({ ...common, model: gateway(NOVA), prompt: throttled }), { statusCode: 429 });
    const result = streamText({ ...common, model: gateway(NOVA), prompt: "one two three [[emulate: throttle after=2]]", ...quiet });
    const errors = [];
    for await (const part of result.fullStream) if (part.type === "error") errors.push(part.error);
    assert.equal(errors.length, 1);
  },

  async embeds() {
    const { embeddings } = await embedMany({ ...common, model: gateway.textEmbeddingModel(TITAN), values: ["alpha", "beta"] });
    assert.deepEqual(embeddings.map((each) => each.length), [1024, 1024]);
  },
});
