"""The rows of the model table that are not Claude's: chat models of the other providers, and embedding models.

As of 2026-11-20, from public capability and price tables (litellm 1.109.1, langchain-aws 1.9.1) and AWS's pages.
"""

from dataclasses import replace

from local.models.facts import ModelFacts, Replay, Sampling

_ALL = ("auto", "any", "tool")
_AUTO_ANY = ("auto", "any")
_VISION = ("TEXT", "IMAGE")
_VIDEO = ("TEXT", "IMAGE", "VIDEO")
_AUDIO = ("TEXT", "SPEECH")
_SAMPLERS = frozenset(("top_k", "seed", "presence_penalty", "frequency_penalty", "repetition_penalty", "min_p"))
_EFFORT = _SAMPLERS | {"reasoning_effort"}

_NOVA = ModelFacts(
    id="", name="", provider="Amazon", context=300_000, max_output=10_000, started="2024-12-03",
    profiles=("us", "eu", "apac"), inputs=_VIDEO, tool_choice=_ALL, cache_minimum=1000, stop_limit=4,
    request_fields=frozenset(("inferenceConfig",)),
)  # fmt: skip
_GPT = ModelFacts(
    id="", name="", provider="OpenAI", context=922_000, max_output=128_000, on_demand=False, text_format=True,
    profiles=("us", "global"), inputs=_VISION, sampling=Sampling.REFUSED, tool_choice=_ALL, tool_result_images=False,
    lookaround=False, stop_limit=0, min_output=16, replay=Replay.ENCRYPTED,
    request_fields=frozenset(("reasoning", "text")),
)  # fmt: skip
_GPT_OSS = ModelFacts(
    id="", name="", provider="OpenAI", max_output=16_384, started="2025-08-05", reasons_unasked=True, text_format=True,
    replay=Replay.PLAIN, request_fields=_EFFORT,
)  # fmt: skip
_GROK = ModelFacts(
    id="", name="", provider="xAI", context=500_000, max_output=500_000, on_demand=False, profiles=("us", "global"),
    inputs=_VISION, tool_choice=_ALL, lookaround=False, stop_limit=0, min_output=16, started="2026-08-01",
    replay=Replay.ENCRYPTED, request_fields=frozenset(("reasoning_effort",)),
)  # fmt: skip
_DEEPSEEK = ModelFacts(
    id="", name="", provider="DeepSeek", context=164_000, tool_choice=_AUTO_ANY, text_format=True,
    replay=Replay.PLAIN, started="2025-09-18", request_fields=_EFFORT | {"thinking"},
)  # fmt: skip
_QWEN = ModelFacts(
    id="", name="", provider="Qwen", context=256_000, text_format=True, started="2025-09-18", request_fields=_SAMPLERS
)
_KIMI = ModelFacts(
    id="", name="", provider="Moonshot AI", context=256_000, max_output=16_384, replay=Replay.PLAIN,
    started="2025-12-02", request_fields=_EFFORT,
)  # fmt: skip
_GLM = ModelFacts(
    id="", name="", provider="Z.AI", context=203_000, max_output=128_000, tool_choice=_AUTO_ANY, started="2026-01-15",
    request_fields=_EFFORT,
)  # fmt: skip
_MINIMAX = ModelFacts(
    id="", name="", provider="MiniMax", context=196_000, replay=Replay.PLAIN, reasons_unasked=True,
    started="2025-12-02", request_fields=_SAMPLERS,
)  # fmt: skip
_GEMMA = ModelFacts(
    id="", name="", provider="Google", inputs=_VISION, started="2025-12-02", request_fields=_SAMPLERS
)  # fmt: skip
_MISTRAL = ModelFacts(
    id="", name="", provider="Mistral AI", context=256_000, max_output=32_768, tool_choice=_AUTO_ANY,
    started="2025-12-02", request_fields=_SAMPLERS,
)  # fmt: skip
_MINISTRAL = replace(_MISTRAL, context=128_000, max_output=8_192, inputs=_VISION, text_format=True, tool_choice=())
_NEMOTRON = ModelFacts(id="", name="", provider="NVIDIA", started="2025-12-02", request_fields=_SAMPLERS)
_LLAMA = ModelFacts(
    id="", name="", provider="Meta", max_output=4_096, on_demand=False, profiles=("us",), tool_choice=("auto",),
    streams_tools=False, started="2024-07-23", request_fields=frozenset(("top_k",)),
)  # fmt: skip
_PALMYRA = ModelFacts(
    id="", name="", provider="Writer", on_demand=False, profiles=("us",), streams_tools=False, started="2025-04-28"
)

OTHERS: tuple[ModelFacts, ...] = (
    replace(_NOVA, id="amazon.nova-micro-v1:0", name="Nova Micro", context=128_000, inputs=("TEXT",)),
    replace(_NOVA, id="amazon.nova-lite-v1:0", name="Nova Lite"),
    replace(_NOVA, id="amazon.nova-pro-v1:0", name="Nova Pro"),
    replace(
        _NOVA, id="amazon.nova-premier-v1:0", name="Nova Premier", context=1_000_000, on_demand=False,
        profiles=("us",), started="2025-04-30",
    ),
    replace(
        _NOVA, id="amazon.nova-2-lite-v1:0", name="Nova 2 Lite", context=1_000_000, max_output=64_000, on_demand=False,
        profiles=("us", "eu", "jp", "global"), replay=Replay.PLAIN, efforts=("low", "medium", "high"),
        started="2025-12-02", request_fields=frozenset(("inferenceConfig", "reasoningConfig")),
    ),
    replace(_GPT_OSS, id="openai.gpt-oss-20b-1:0", name="gpt-oss-20b", efforts=("low", "medium", "high")),
    replace(_GPT_OSS, id="openai.gpt-oss-120b-1:0", name="gpt-oss-120b", efforts=("low", "medium", "high")),
    replace(_GPT, id="openai.gpt-5.4", name="GPT-5.4", stop_limit=4, profiles=("us",), started="2026-04-28"),
    replace(_GPT, id="openai.gpt-5.5", name="GPT-5.5", stop_limit=4, profiles=("us",), started="2026-05-12"),
    replace(_GPT, id="openai.gpt-5.6-luna", name="GPT-5.6 Luna", started="2026-07-14"),
    replace(_GPT, id="openai.gpt-5.6-terra", name="GPT-5.6 Terra", started="2026-07-14"),
    replace(_GPT, id="openai.gpt-5.6-sol", name="GPT-5.6 Sol", started="2026-07-14"),
    replace(_GPT, id="openai.gpt-6-luna", name="GPT-6 Luna", on_demand=True, started="2026-09-15"),
    replace(_GPT, id="openai.gpt-6-sol", name="GPT-6 Sol", on_demand=True, started="2026-09-15"),
    replace(_GPT, id="openai.gpt-6-astra", name="GPT-6 Astra", started="2026-09-15", reasons_unasked=True),
    replace(_GPT, id="openai.gpt-6.1-terra", name="GPT-6.1 Terra", started="2026-10-27"),
    replace(
        _GPT, id="openai.gpt-6.1-sol", name="GPT-6.1 Sol", context=1_000_000, max_output=131_072,
        started="2026-10-27", reasons_unasked=True,
    ),
    replace(_GROK, id="xai.grok-4.6", name="Grok 4.6"),
    replace(_GROK, id="xai.grok-4.7", name="Grok 4.7", context=524_288, max_output=524_288),
    replace(
        _DEEPSEEK, id="deepseek.r1-v1:0", name="DeepSeek-R1", context=128_000, on_demand=False, profiles=("us",),
        tool_choice=(), text_format=False, replay=Replay.REFUSED, reasons_unasked=True, streams_tools=False,
        started="2025-03-10", request_fields=frozenset(),
    ),
    replace(_DEEPSEEK, id="deepseek.v3-v1:0", name="DeepSeek-V3.1", context=128_000),
    replace(_DEEPSEEK, id="deepseek.v3.2", name="DeepSeek-V3.2", started="2026-01-20"),
    replace(_QWEN, id="qwen.qwen3-32b-v1:0", name="Qwen3 32B", context=33_000),
    replace(_QWEN, id="qwen.qwen3-235b-a22b-2507-v1:0", name="Qwen3 235B A22B 2507"),
    replace(_QWEN, id="qwen.qwen3-coder-30b-a3b-v1:0", name="Qwen3-Coder-30B-A3B", max_output=16_384),
    replace(_QWEN, id="qwen.qwen3-coder-480b-a35b-v1:0", name="Qwen3 Coder 480B A35B", max_output=16_384),
    replace(_QWEN, id="qwen.qwen3-coder-next", name="Qwen3 Coder Next", max_output=16_384),
    replace(_QWEN, id="qwen.qwen3-next-80b-a3b", name="Qwen3 Next 80B A3B"),
    replace(_QWEN, id="qwen.qwen3-vl-235b-a22b", name="Qwen3 VL 235B A22B", inputs=_VISION),
    replace(
        _KIMI, id="moonshot.kimi-k2-thinking", name="Kimi K2 Thinking", text_format=True, reasons_unasked=True,
        efforts=("low", "high", "max"),
    ),
    replace(_KIMI, id="moonshotai.kimi-k2.5", name="Kimi K2.5", inputs=_VISION, efforts=("low", "high", "max")),
    replace(
        _KIMI, id="moonshotai.kimi-k3", name="Kimi K3", context=1_000_000, max_output=131_072, on_demand=False,
        profiles=("us", "global"), inputs=_VISION, min_output=16, efforts=("low", "high", "max"), started="2026-08-04",
    ),
    replace(_GLM, id="zai.glm-4.7", name="GLM 4.7"),
    replace(_GLM, id="zai.glm-4.7-flash", name="GLM 4.7 Flash"),
    replace(_GLM, id="zai.glm-5", name="GLM 5", context=200_000, text_format=True, started="2026-03-10"),
    replace(
        _GLM, id="zai.glm-5.3", name="GLM 5.3", context=1_000_000, on_demand=False, profiles=("us", "global"),
        tool_choice=_ALL, text_format=True, cache_minimum=1024, cache_tools=True, started="2026-09-08",
    ),
    replace(_MINIMAX, id="minimax.minimax-m2", name="MiniMax M2", context=1_000_000, text_format=True),
    replace(_MINIMAX, id="minimax.minimax-m2.5", name="MiniMax M2.5", started="2026-03-10"),
    replace(_GEMMA, id="google.gemma-3-4b-it", name="Gemma 3 4B IT"),
    replace(_GEMMA, id="google.gemma-3-12b-it", name="Gemma 3 12B IT"),
    replace(_GEMMA, id="google.gemma-3-27b-it", name="Gemma 3 27B IT"),
    replace(
        _MISTRAL, id="mistral.mistral-large-3-675b-instruct", name="Mistral Large 3", inputs=_VISION, text_format=True
    ),
    replace(_MINISTRAL, id="mistral.ministral-3-3b-instruct", name="Ministral 3B"),
    replace(_MINISTRAL, id="mistral.ministral-3-8b-instruct", name="Ministral 3 8B"),
    replace(_MINISTRAL, id="mistral.ministral-3-14b-instruct", name="Ministral 14B 3.0"),
    replace(
        _MISTRAL, id="mistral.magistral-small-2509", name="Magistral Small 2509", context=128_000, max_output=40_000,
        inputs=_VISION, tool_choice=(), reasons_unasked=True,
    ),
    replace(_MISTRAL, id="mistral.devstral-2-123b", name="Devstral 2 123B", tool_choice=()),
    replace(
        _MISTRAL, id="mistral.pixtral-large-2502-v1:0", name="Pixtral Large (25.02)", context=128_000,
        max_output=16_384, on_demand=False, profiles=("us", "eu"), inputs=_VISION, streams_tools=False,
        started="2025-04-08",
    ),
    replace(_MINISTRAL, id="mistral.voxtral-mini-3b-2507", name="Voxtral Mini 3B 2507", context=33_000, inputs=_AUDIO),
    replace(_MINISTRAL, id="mistral.voxtral-small-24b-2507", name="Voxtral Small 24B", context=33_000, inputs=_AUDIO),
    replace(_NEMOTRON, id="nvidia.nemotron-nano-9b-v2", name="NVIDIA Nemotron Nano 9B v2"),
    replace(_NEMOTRON, id="nvidia.nemotron-nano-12b-v2", name="NVIDIA Nemotron Nano 12B v2 VL BF16", inputs=_VISION),
    replace(_NEMOTRON, id="nvidia.nemotron-nano-3-30b", name="Nemotron Nano 3 30B", context=256_000, text_format=True),
    replace(_NEMOTRON, id="nvidia.nemotron-super-3-120b", name="Nemotron Super 3", context=256_000, max_output=32_768),
    replace(_LLAMA, id="meta.llama3-1-8b-instruct-v1:0", name="Llama 3.1 8B Instruct", on_demand=True),
    replace(_LLAMA, id="meta.llama3-1-70b-instruct-v1:0", name="Llama 3.1 70B Instruct", on_demand=True),
    replace(_LLAMA, id="meta.llama3-3-70b-instruct-v1:0", name="Llama 3.3 70B Instruct", started="2024-12-19"),
    replace(
        _LLAMA, id="meta.llama4-scout-17b-instruct-v1:0", name="Llama 4 Scout 17B Instruct", context=10_000_000,
        max_output=8_192, inputs=_VISION, started="2025-04-28",
    ),
    replace(
        _LLAMA, id="meta.llama4-maverick-17b-instruct-v1:0", name="Llama 4 Maverick 17B Instruct", context=1_000_000,
        max_output=8_192, inputs=_VISION, started="2025-04-28",
    ),
    replace(_PALMYRA, id="writer.palmyra-x4-v1:0", name="Palmyra X4"),
    replace(_PALMYRA, id="writer.palmyra-x5-v1:0", name="Palmyra X5"),
)  # fmt: skip

_EMBEDDING = ModelFacts(id="", name="", provider="Amazon", outputs=("EMBEDDING",), streaming=False)

EMBEDDINGS: tuple[ModelFacts, ...] = (
    replace(_EMBEDDING, id="amazon.titan-embed-text-v1", name="Titan Embeddings G1 - Text", started="2023-09-28"),
    replace(_EMBEDDING, id="amazon.titan-embed-text-v2:0", name="Titan Text Embeddings V2", started="2024-04-30"),
    replace(
        _EMBEDDING, id="amazon.titan-embed-image-v1", name="Titan Multimodal Embeddings G1", inputs=_VISION,
        started="2023-11-29",
    ),
    replace(
        _EMBEDDING, id="amazon.nova-2-multimodal-embeddings-v1:0", name="Nova Multimodal Embeddings",
        inputs=("TEXT", "IMAGE", "AUDIO", "VIDEO"), started="2025-10-28",
    ),
    replace(
        _EMBEDDING, id="cohere.embed-english-v3", name="Embed English", provider="Cohere", inputs=_VISION,
        started="2023-11-29",
    ),
    replace(
        _EMBEDDING, id="cohere.embed-multilingual-v3", name="Embed Multilingual", provider="Cohere", inputs=_VISION,
        started="2023-11-29",
    ),
    replace(
        _EMBEDDING, id="cohere.embed-v4:0", name="Embed v4", provider="Cohere", inputs=_VISION,
        profiles=("us", "eu", "global"), started="2025-10-02",
    ),
    replace(
        _EMBEDDING, id="twelvelabs.marengo-embed-2-7-v1:0", name="Marengo Embed v2.7", provider="TwelveLabs",
        inputs=("TEXT", "IMAGE", "AUDIO", "VIDEO"), legacy=True, profiles=("us", "eu", "apac"), started="2025-07-15",
    ),
    replace(
        _EMBEDDING, id="twelvelabs.marengo-embed-3-0-v1:0", name="Marengo Embed 3.0", provider="TwelveLabs",
        inputs=("TEXT", "IMAGE", "AUDIO", "VIDEO"), profiles=("us", "eu", "apac"), started="2025-11-20",
    ),
)  # fmt: skip
