// The official Node SDK. Its stream helper throws where a role or a finish reason is missing.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat, zodFunction } from "openai/helpers/zod";
import { z } from "zod";
import { BASE_URL, API_KEY, CLAUDE, NOVA, TITAN, run } from "./checks.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0, timeout: 20_000 });
const City = z.object({ name: z.string(), country: z.string() });
const hello = [{ role: "user", content: "Hello" }];
const weather = [{ role: "user", content: "What is the weather in Paris?" }];
const both = [{ role: "user", content: "Use the tools for Paris." }];
const described = [{ role: "user", content: "name: Paris, country: France" }];

const tool = (name) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
});
const runnable = {
  type: "function",
  function: {
    ...tool("get_weather").function,
    description: "The weather in a city.",
    parse: JSON.parse,
    function: ({ city }) => `18 degrees in ${city}`,
  },
};

await run({
  async chats() {
    const reply = await client.chat.completions.create({ model: NOVA, messages: hello });
    assert.equal(reply.choices[0].message.content, "You said: Hello");
    assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
    assert.match(reply._request_id, /^req_/);
  },

  async "streams with usage"() {
    const options = { include_usage: true };
    const stream = await client.chat.completions.create({ model: NOVA, messages: hello, stream: true, stream_options: options });
    let text = "";
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage;
    }
    assert.equal(text, "You said: Hello");
    assert.ok(usage.total_tokens > 0);
  },

  async "the stream helper is content"() {
    const stream = client.chat.completions.stream({ model: CLAUDE, messages: hello, stream_options: { include_usage: true } });
    const events = [];
    stream.on("content", (delta) => events.push(delta));
    const final = await stream.finalChatCompletion();
    assert.equal(events.join(""), "You said: Hello");
    assert.equal(final.choices[0].finish_reason, "stop");
    assert.ok((await stream.totalUsage()).total_tokens > 0);
  },

  async "streams several choices"() {
    const stream = client.chat.completions.stream({ model: NOVA, messages: hello, n: 3 });
    const final = await stream.finalChatCompletion();
    assert.deepEqual(final.choices.map((choice) => choice.message.content), Array(3).fill("You said: Hello"));
  },

  async "gathers parallel calls from a stream"() {
    const tools = [tool("get_weather"), tool("get_time")];
    const stream = client.chat.completions.stream({ model: CLAUDE, messages: both, tools, reasoning_effort: "low" });
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.deepEqual(message.tool_calls.map((call) => [call.function.name, call.function.arguments]), [
      ["get_weather", '{"city": "Paris"}'],
      ["get_time", '{"city": "Paris"}'],
    ]);
    const results = message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "fine" }));
    const messages = [...both, message, ...results];
    const second = await client.chat.completions.create({ model: CLAUDE, messages, tools, reasoning_effort: "low" });
    assert.equal(second.choices[0].message.content, "The tool answered: fine; fine");
  },

  async "runs tools to the end"() {
    for (const [model, stream] of [[NOVA, false], [CLAUDE, false], [NOVA, true], [CLAUDE, true]]) {
      const runner = client.chat.completions.runTools({ model, messages: weather, tools: [runnable], stream });
      assert.equal(await runner.finalContent(), "The tool answered: 18 degrees in Paris");
    }
  },

  async "parses natively and by tool"() {
    for (const model of [CLAUDE, NOVA]) {
      const response_format = zodResponseFormat(City, "city");
      const reply = await client.chat.completions.parse({ model, messages: described, response_format });
      assert.deepEqual(reply.choices[0].message.parsed, { name: "Paris", country: "France" });
      const final = await client.chat.completions.stream({ model, messages: described, response_format }).finalChatCompletion();
      assert.deepEqual(final.choices[0].message.parsed, { name: "Paris", country: "France" });
    }
  },

  async "parses the arguments of a tool"() {
    const tools = [zodFunction({ name: "save_city", parameters: City })];
    const messages = [{ role: "user", content: "[[emulate: call=save_city]] name: Paris, country: France" }];
    const reply = await client.chat.completions.parse({ model: NOVA, messages, tools });
    assert.deepEqual(reply.choices[0].message.tool_calls[0].function.parsed_arguments, { name: "Paris", country: "France" });
  },

  async "embeds in base64 and in floats"() {
    const packed = await client.embeddings.create({ model: TITAN, input: ["alpha", "beta"] });
    const floats = await client.embeddings.create({ model: TITAN, input: ["alpha", "beta"], encoding_format: "float" });
    assert.deepEqual(packed.data.map((each) => each.embedding.length), [1024, 1024]);
    packed.data[1].embedding.forEach((number, at) => assert.ok(Math.abs(number - floats.data[1].embedding[at]) < 1e-6));
  },

  async "completes by the legacy route"() {
    const reply = await client.completions.create({ model: NOVA, prompt: "Once upon a time" });
    assert.equal(reply.choices[0].text, "You said: Once upon a time");
  },

  async "lists and retrieves models"() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes(CLAUDE));
    assert.equal((await client.models.retrieve(CLAUDE)).id, CLAUDE);
    const arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6";
    assert.equal((await client.models.retrieve(arn)).object, "model");
  },

  async "throws its own errors"() {
    await assert.rejects(client.chat.completions.create({ model: "missing", messages: hello }), (problem) => {
      assert.ok(problem instanceof OpenAI.NotFoundError);
      assert.equal(problem.code, "model_not_found");
      return true;
    });
    const throttled = [{ role: "user", content: "[[emulate: throttle]]" }];
    await assert.rejects(client.chat.completions.create({ model: NOVA, messages: throttled }), OpenAI.RateLimitError);
    const within = [{ role: "user", content: "one two three [[emulate: throttle after=2]]" }];
    const stream = await client.chat.completions.create({ model: NOVA, messages: within, stream: true });
    await assert.rejects(async () => {
      for await (const chunk of stream) assert.equal(chunk.choices[0].finish_reason, null);
    }, OpenAI.APIError);
  },
});
