"""`POST /embeddings`, without the web framework."""

from __future__ import annotations

from app.api.embeddings.decode import decode, has_token_numbers
from app.api.embeddings.encode import encode
from app.api.embeddings.schema import EmbeddingsAnswer
from app.core.daemon_threads import decoding
from app.core.ports import Call, Embedder, TokenDecoder

MANY = 32
"""Vectors from which the answer is written in a thread: each takes some 30 us, and other streams must flow."""


async def answer(
    body: object, call: Call, *, embedder: Embedder, tokens: TokenDecoder, max_inputs: int
) -> EmbeddingsAnswer:
    """The answer to a parsed JSON body. What was called and what had no effect is in `call.receipt`.

    Raises pydantic's ValidationError and GatewayError.
    """
    threaded = has_token_numbers(body)
    decoded = (
        await decoding.run(lambda: decode(body, tokens, max_inputs)) if threaded else decode(body, tokens, max_inputs)
    )
    request = decoded.request
    call.model = request.model
    call.receipt.ignore(*decoded.ignored)
    embeddings = await embedder.embed(request, call)
    if len(request.items) < MANY:
        return encode(embeddings, request.model, decoded.encoding)
    return await decoding.run(lambda: encode(embeddings, request.model, decoded.encoding))
