"""CountTokens: for Claude models only, by the same estimate that usage is made of."""

import json
from base64 import b64decode

from local.behaviour import tokens
from local.behaviour.prompt import input_weight
from local.emulator.call import Call, State
from local.emulator.errors import Invalid, json_reply
from local.emulator.messages import Reply


def count_tokens(call: Call, state: State) -> Reply:
    """`inputTokens` of a Converse body or a native one. Takes the base model's id, which need not be callable."""
    target = call.target()
    if not target.facts.counts_tokens or target.geography:
        raise Invalid("The provided model doesn't support counting tokens.")
    given = call.body["input"]
    if "converse" in given:
        characters = input_weight(given["converse"])
    else:
        characters = tokens.weight(json.loads(b64decode(given["invokeModel"]["body"])))
    return json_reply({"inputTokens": max(1, tokens.estimate(characters))})
