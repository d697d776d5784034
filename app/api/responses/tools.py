"""Tools in every form that clients send, as functions a model on Bedrock takes; and the way back. Pure.

A freeform tool becomes a function of one string, a namespace becomes a prefix, a client's own search becomes a function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.responses.parameters import TOOLS
from app.api.responses.parts import cache_point, json_text
from app.api.responses.shape import Kind, Named
from app.core.prompt import Tool
from app.core.request_limits import USUAL_LIMITS
from app.core.request_options import freeform_tool
from app.errors import InvalidRequest

MAX_NAME = 512
SEARCH = "tool_search"
_TAKEN = ("function", "custom", "namespace", SEARCH)


def hosted(kind: Any) -> str:
    """The plain name of a tool that OpenAI runs itself, or has a form of its own for; empty for others."""
    if not isinstance(kind, str) or kind in _TAKEN:
        return ""
    if kind in TOOLS:
        return kind
    return next((name for name in ("web_search", "web_search_preview") if _is_dated(kind, name)), "")


def _is_dated(kind: str, name: str) -> bool:
    return kind.startswith(f"{name}_2") and kind[len(name) :].replace("_", "").isdigit()


class Toolbox:
    """The tools of one request, in the order they came; the first of a name stays.

    `names`: by the name a model sees. `ignored`: kinds that can't be had here. `web`: whether the web may be searched.
    """

    def __init__(self, limit: int = USUAL_LIMITS.tools) -> None:
        self._limit = limit
        self.names: dict[str, Named] = {}
        self.ignored: dict[str, None] = {}
        self.web = False
        self._tools: dict[str, Tool] = {}
        self._flat: dict[tuple[str, str], str] = {}
        self._within: dict[str, list[str]] = {}
        self._next: dict[str, str] = {}

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(self._tools.values())

    def flat(self, name: str, namespace: str = "") -> str:
        """The name under which a model sees a tool, known or not."""
        return self._flat.get((namespace, name)) or (f"{namespace}__{name}" if namespace else name)

    def within(self, namespace: str) -> list[str]:
        """What a model sees of a namespace."""
        return self._within.get(namespace, [])

    def add(self, tools: Any, param: str) -> None:
        if not isinstance(tools, list):
            raise InvalidRequest("tools must be an array.", param=param, code="invalid_type")
        for place, tool in enumerate(tools):
            self._add(tool, f"{param}.{place}")

    def _add(self, tool: Any, param: str) -> None:
        kind = tool.get("type", "function") if isinstance(tool, Mapping) else None
        match kind:
            case "function" | "custom":
                self._put(tool, kind, "", "", param)
            case "namespace":
                self._namespace(tool, param)
            case "tool_search" if tool.get("execution") == "client":
                self._search(tool)
            case "tool_search":
                self.ignored[SEARCH] = None
            case _:
                self._hosted(tool, hosted(kind), param)

    def _hosted(self, tool: Any, kind: str, param: str) -> None:
        if not isinstance(tool, Mapping):
            raise InvalidRequest("A tool must be an object.", param=param, code="invalid_type")
        if not kind:
            raise InvalidRequest(
                f"Unknown tool type {str(tool.get('type'))[:40]!r}.", param=f"{param}.type", code="invalid_value"
            )
        if kind.startswith("web_search") and tool.get("external_web_access") is not False:
            self.web = True
        else:
            self.ignored[kind] = None

    def _namespace(self, space: Mapping[str, Any], param: str) -> None:
        name = _name(space, f"{param}.name")
        inner = space.get("tools")
        if not isinstance(inner, list):
            raise InvalidRequest("A namespace needs tools.", param=f"{param}.tools", code="missing_required_parameter")
        described = f"{name}: {_text(space, 'description')}" if _text(space, "description") else ""
        for place, tool in enumerate(inner):
            at = f"{param}.tools.{place}"
            kind = tool.get("type", "function") if isinstance(tool, Mapping) else None
            if kind not in ("function", "custom"):
                raise InvalidRequest(
                    "A namespace holds function and custom tools.", param=f"{at}.type", code="invalid_value"
                )
            self._put(tool, kind, name, "" if place else described, at)

    def _search(self, tool: Mapping[str, Any]) -> None:
        described = _text(tool, "description") or "Search for further tools; those found can be called from then on."
        self._keep(Named("tool_search", SEARCH), lambda flat: Tool(flat, described, tool.get("parameters")))

    def _put(self, tool: Mapping[str, Any], kind: Kind, namespace: str, described: str, param: str) -> None:
        held = tool.get(kind)  # the form of chat completions, which some clients send here
        body = held if isinstance(held, Mapping) else tool
        name = _name(body, f"{param}.name")
        description = "\n\n".join(filter(None, (described, _text(body, "description"))))
        told = {**tool, **body}
        if kind == "custom":
            self._keep(
                Named(kind, name, namespace), lambda flat: freeform_tool(flat, description, told, cache_point(told))
            )
        else:
            self._keep(Named(kind, name, namespace), lambda flat: _function(flat, description, told))

    def _keep(self, named: Named, make: Any) -> None:
        """Names of a model's view are told apart: `a__b` may be a function as well as `b` in `a`."""
        known = (named.namespace, named.name)
        if known in self._flat:
            return
        if len(self._flat) >= self._limit:
            raise InvalidRequest(
                f"A request may have at most {self._limit} tools.", param="tools", code="invalid_value"
            )
        flat = self._free(self.flat(named.name, named.namespace))
        self._flat[known] = flat
        self._within.setdefault(named.namespace, []).append(flat)
        self.names[flat] = named
        self._tools[flat] = make(flat)

    def _free(self, flat: str) -> str:
        """The name with as many underscores as it takes. Names that are taken remember where the search ended."""
        passed: list[str] = []
        while flat in self.names:
            passed.append(flat)
            flat = self._next.get(flat, f"{flat}_")
        self._next |= dict.fromkeys(passed, flat)
        return flat


def _name(body: Mapping[str, Any], param: str) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name or len(name) > MAX_NAME:
        raise InvalidRequest("A tool needs a name.", param=param, code="missing_required_parameter")
    return name


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _function(flat: str, description: str, body: Mapping[str, Any]) -> Tool:
    strict = body.get("strict")
    return Tool(
        flat, description, body.get("parameters"), strict if isinstance(strict, bool) else None, cache_point(body)
    )


def found_tools(tools: Any) -> str:
    """What a search found, in words for the model: the tools themselves are in its list from now on."""
    names: list[dict[str, Any]] = []
    for tool in tools if isinstance(tools, list) else []:
        if isinstance(tool, Mapping):
            inner = tool.get("tools")
            found = {name: tool[name] for name in ("name", "description") if isinstance(tool.get(name), str)}
            if isinstance(inner, list):
                found["tools"] = [each.get("name") for each in inner if isinstance(each, Mapping)]
            names.append(found)
    return json_text(names)


def echoed(tool: Any) -> Any:
    """A tool as the response repeats it: a function has all its keys, because strict clients ask for them."""
    if isinstance(tool, Mapping) and tool.get("type", "function") == "function" and "function" not in tool:
        return {"type": "function", "description": None, "parameters": None, "strict": None, **tool}
    return tool
