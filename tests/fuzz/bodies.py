"""Bodies that are nearly right: what the document leaves open (messages, parts, tools) is filled with likely mistakes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

MODELS = ["amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "openai.gpt-oss-120b-1:0",
          "meta.llama3-1-8b-instruct-v1:0", "deepseek.r1-v1:0", "gpt-4o", "arn:aws:bedrock:us-east-1:1:x/y"]  # fmt: skip
EMBEDDERS = [
    "amazon.titan-embed-text-v2:0",
    "cohere.embed-english-v3",
    "amazon.titan-embed-image-v1",
    "cohere.embed-v4:0",
]
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)

text = st.sampled_from(
    ["", " ", "Hello", "a\x00b", "\u202e", "\U0001f600", "x" * 3000, "use the tools", "{}"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
junk: Strategy = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


def nearly(*likely: Any) -> Strategy:
    """One of these, each a strategy or a value, and now and then something else."""
    right = st.one_of(*(each if isinstance(each, st.SearchStrategy) else st.just(each) for each in likely))
    return st.integers(0, 99).flatmap(lambda dice: junk if dice == 42 else right)  # 0 would come up far too often


def record(required: dict[str, Strategy], **optional: Strategy) -> Strategy:
    return st.fixed_dictionaries(required, optional=optional)


ids = nearly("call_1", "call_2", "call 3/with.odd:signs", "x" * 100)
names = nearly("weather", "a.b", "näme", "x" * 80)
arguments = nearly("{}", '{"city": "Bonn"}', "", "{", "null", "[1]")
schemas = nearly(
    {"type": "object", "properties": {"city": {"type": "string"}}}, {}, {"type": "string"}, True,
    {"anyOf": [{"type": "object"}]}, {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}, {"$ref": "#"},
)  # fmt: skip
sources = nearly(PNG, PNG, PNG, "data:image/png;base64,AAAA", "data:,x", "s3://bucket/key", "https://127.0.0.1/x.png")
parts = nearly(
    record({"type": st.just("text"), "text": text}),
    record({"type": st.just("text"), "text": text}),
    record({"type": st.just("text"), "text": nearly(text)}, cache_control=nearly({"type": "ephemeral"})),
    record({"type": st.just("image_url"), "image_url": nearly(record({"url": sources}), sources)}),
    record({"type": st.just("file"), "file": nearly(record({}, file_data=sources, filename=text))}),
    record({"type": st.just("input_audio"), "input_audio": nearly({"data": "AAAA", "format": "wav"})}),
    record({"type": st.just("refusal"), "refusal": nearly(text)}),
    record({"type": nearly("teapot", "video_url", "input_text")}),
)
content = nearly(text, text, text, st.lists(parts, max_size=3))
calls = nearly(
    record(
        {"id": ids, "type": st.just("function"), "function": nearly(record({"name": names, "arguments": arguments}))}
    ),
    record({"id": ids, "type": st.just("custom"), "custom": nearly(record({"name": names, "input": text}))}),
)
messages = nearly(
    record({"role": st.just("user"), "content": text}),
    record({"role": nearly("user", "system", "developer"), "content": content}, name=text),
    record({"role": st.just("assistant")}, content=content, tool_calls=st.lists(calls, max_size=3), refusal=text,
           reasoning_content=nearly(text), function_call=nearly(record({"name": names, "arguments": arguments})),
           reasoning_details=nearly(st.lists(junk, max_size=2))),
    record({"role": st.just("tool"), "tool_call_id": ids, "content": content}),
    record({"role": st.just("function"), "name": names, "content": content}),
)  # fmt: skip
functions = nearly(record({"name": names}, description=nearly(text), parameters=schemas, strict=nearly(True)))
tools = nearly(
    record({"type": st.just("function"), "function": functions}), {"type": "custom", "custom": {"name": "c"}}
)
choices = nearly("auto", "none", "required", "any", {"type": "function", "function": {"name": "weather"}},
                 {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})  # fmt: skip
formats = nearly({"type": "text"}, {"type": "json_object"}, record({"type": st.just("json_schema"), "json_schema": nearly(
    record({"name": names, "schema": schemas}, strict=nearly(True)))}))  # fmt: skip
sampling = {
    "stream": nearly(True, False),
    "stream_options": nearly({"include_usage": True}),
    "max_tokens": nearly(1, 50, 4000),
    "temperature": nearly(0, 1, 2),
    "top_p": nearly(0, 1),
    "n": nearly(1, 2),
    "stop": nearly("", "stop", ["a", "", " "]),
    "seed": nearly(1),
    "user": nearly(text),
}


def bodies(path: str) -> Strategy:
    """For `/v1/chat/completions`, `/v1/completions` or `/v1/embeddings`."""
    if path.endswith("chat/completions"):
        return record(
            {"model": nearly(st.sampled_from(MODELS)), "messages": nearly(st.lists(messages, min_size=1, max_size=5))},
            **sampling,
            tools=nearly(st.lists(tools, max_size=3)),
            tool_choice=choices,
            functions=nearly(st.lists(functions, max_size=2)),
            function_call=nearly("auto", {"name": "weather"}),
            parallel_tool_calls=nearly(False),
            response_format=formats,
            reasoning_effort=nearly("none", "low", "high", "max"),
            thinking=nearly({"type": "enabled", "budget_tokens": 1024}),
            metadata=nearly({"a": "b"}),
            service_tier=nearly("flex", "priority"),
            additional_model_request_fields=nearly({"top_k": 5}),
            cache_control=nearly({"type": "ephemeral", "ttl": "1h"}),
            logit_bias=nearly({"1": 2}),
        )
    if path.endswith("embeddings"):
        item = nearly(text, st.lists(st.integers(-5, 200_000), max_size=4), record({}, text=text, image=sources))
        return record(
            {"model": nearly(st.sampled_from(EMBEDDERS)), "input": nearly(item, st.lists(item, max_size=4))},
            encoding_format=nearly("float", "base64"),
            dimensions=nearly(1, 256, 1024, 10**6),
            input_type=nearly("search_query", "x"),
            truncate=nearly("NONE", "END"),
            user=nearly(text),
        )
    prompts = nearly(text, st.lists(text, max_size=3), st.lists(st.integers(0, 100_000), max_size=4))
    return record(
        {"model": nearly(st.sampled_from(MODELS)), "prompt": prompts},
        **sampling,
        echo=nearly(True),
        suffix=nearly(text),
        best_of=nearly(1, 3),
        logprobs=nearly(0, 5),
    )
