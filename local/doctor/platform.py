"""Answers that the gateway did not write: who did, and what to do about it. Texts as users quote them (2026-11)."""

from __future__ import annotations

from local.doctor.http import Answer

FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
"""`{"Message": ...}` with status 403 and `x-amzn-ErrorType: AccessDeniedException`: Lambda let nobody in
(awsdocs/aws-lambda-developer-guide issue 494, 2026-05)."""

PERMISSIONS = (
    "Lambda refuses before the gateway is asked. A URL with AuthType NONE needs two permissions since October 2025: "
    "lambda:InvokeFunctionUrl with FunctionUrlAuthType NONE, and lambda:InvokeFunction with InvokedViaFunctionUrl true; "
    "this template sets both, so deploy it again, and wait a minute after the first deployment. With AuthType AWS_IAM "
    "requests must be signed: use --iam here, local.signing_proxy for clients."
)
SIGNATURE = (
    "The signature does not fit: check the credentials, the region and this machine's clock. Behind CloudFront with origin "
    "access control, a POST needs x-amz-content-sha256 with the body's SHA-256 (docs/edge.md)."
)
NOT_OURS = "Is this the gateway's address? It should be the stack's output BaseUrl or FunctionUrl."


def message_of(answer: Answer) -> str:
    """What AWS's own errors say, under one of the names they use; "" where there is nothing of the kind."""
    body = answer.json()
    if not isinstance(body, dict):
        return ""
    found = next((body[name] for name in ("Message", "message") if isinstance(body.get(name), str)), "")
    return str(found)


def explain(answer: Answer) -> tuple[str, str]:
    """(what was answered, what to do) for an answer without OpenAI's envelope."""
    message = message_of(answer)
    said = f"HTTP {answer.status}, {message or answer.text or 'empty'}"
    low = message.lower()
    if answer.status == 403:
        if message == FORBIDDEN or low.startswith("forbidden"):
            return said, PERMISSIONS
        if "signature" in low or "security token" in low or "authentication token" in low:
            return said, SIGNATURE
        if "cloudfront" in answer.headers.get("server", "").lower():
            return said, "CloudFront or its firewall refuses: look at the distribution's settings and its WAF rules."
        return said, PERMISSIONS
    advice = {
        404: f"No gateway answers there. {NOT_OURS}",
        413: "A request may have 6 MB on Lambda, 1 MB behind a load balancer (docs/deploy.md).",
        429: "Lambda throttles: the account's or the function's concurrency is used up (docs/deploy.md).",
        500: "The function failed: read its log.",
        502: "The function could not answer: it failed to start or was stopped. Its log says why: `the gateway can't "
        "start` names a wrong setting; an import error means that ./prepare_source.sh was run for another Python or "
        "architecture than the stack's.",
        503: "The front's own time limit passed, or the function could not be started; read its log.",
        504: "The front's own time limit passed. Streams through a Function URL have 15 minutes.",
    }
    return said, advice.get(answer.status, NOT_OURS)
