"""The plain gateway as a Lambda package, to compare cold starts with: FastAPI, boto3 and tiktoken, as the Function-URL
variant of bedrock-access-gateway has them (its `api/models/bedrock.py`, read 2026-11-21: imports and clients at the top,
`ENCODER = tiktoken.get_encoding("cl100k_base")` beside them).

It does less at import than that one: no numpy, one client, and no list of models asked from AWS. `TOKENIZER` says how far
it goes with tiktoken: nothing, `imported`, or `loaded` with its vocabulary.
"""

from __future__ import annotations

import os

import uvicorn

from bench.bare import app

TOKENIZER = os.environ.get("TOKENIZER", "")

if TOKENIZER:
    import tiktoken

    ENCODER = tiktoken.get_encoding("cl100k_base") if TOKENIZER == "loaded" else None


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ.get("AWS_LWA_PORT") or os.environ["PORT"]),
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        ws="none",
    )
