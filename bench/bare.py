"""The plainest gateway that one would write in an afternoon: FastAPI, uvicorn, boto3, a thread hop per streamed event.

The yardstick for what the framework and the SDK cost by themselves. It maps text and nothing else.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import boto3
import uvicorn
from botocore.config import Config
from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}

app = FastAPI()
bedrock = boto3.client("bedrock-runtime", config=Config(max_pool_connections=500))


class Message(BaseModel):
    role: str
    content: str


class ChatRequest(BaseModel):
    model: str
    messages: list[Message]
    stream: bool = False


@app.post("/v1/chat/completions")
async def chat(request: ChatRequest, authorization: str = Header("")) -> Response:
    if authorization != f"Bearer {os.environ['API_KEY']}":
        raise HTTPException(401)
    arguments = {
        "modelId": request.model,
        "messages": [{"role": message.role, "content": [{"text": message.content}]} for message in request.messages],
    }
    if request.stream:
        answer = await run_in_threadpool(bedrock.converse_stream, **arguments)
        return StreamingResponse(frames(request.model, answer["stream"]), media_type="text/event-stream")
    answer = await run_in_threadpool(bedrock.converse, **arguments)
    return JSONResponse(completion(request.model, answer))


async def frames(model: str, events: Any) -> AsyncIterator[str]:
    head = {"id": "chatcmpl-bare", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
    async for event in iterate_in_threadpool(events):
        if "contentBlockDelta" in event:
            choice = {"index": 0, "delta": {"content": event["contentBlockDelta"]["delta"].get("text", "")}}
        elif "messageStop" in event:
            choice = {"index": 0, "delta": {}, "finish_reason": _FINISH.get(event["messageStop"]["stopReason"], "stop")}
        else:
            continue
        yield f"data: {json.dumps(head | {'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


def completion(model: str, answer: dict[str, Any]) -> dict[str, Any]:
    text = "".join(block.get("text", "") for block in answer["output"]["message"]["content"])
    usage = answer["usage"]
    return {
        "id": "chatcmpl-bare",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": _FINISH.get(answer["stopReason"], "stop"),
            }
        ],
        "usage": {
            "prompt_tokens": usage["inputTokens"],
            "completion_tokens": usage["outputTokens"],
            "total_tokens": usage["totalTokens"],
        },
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", access_log=False)
