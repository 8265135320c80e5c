"""What a graph takes, as models can be told it: short, and always an object."""

from collections.abc import Iterator
from typing import Any

JsonSchema = dict[str, Any]

SOLE_ARGUMENT = "input"
"""Holds the input of a graph that takes no object: the arguments of a tool are one."""

_DEFINITION = "#/$defs/"
_MESSAGES: JsonSchema = {
    "description": "What the user says, or the messages of a conversation.",
    "anyOf": [
        {"type": "string"},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "role": {"enum": ["user", "assistant", "system"]},
                    "content": {"type": "string"},
                },
                "required": ["role", "content"],
            },
        },
    ],
}


def tool_schema(input_schema: JsonSchema | None) -> JsonSchema:
    """The schema of a tool's arguments, `input_schema` being that of its graph, None if unknown.

    Lists of messages are described in two lines, in place of some thousand: each of LangChain's
    messages, with all of its fields.
    """
    schema = input_schema or {"type": "object"}
    definitions: JsonSchema = schema.get("$defs", {})
    body = _simplified({key: value for key, value in schema.items() if key != "$defs"})
    if not takes_object(schema):
        body = {"type": "object", "properties": {SOLE_ARGUMENT: body}, "required": [SOLE_ARGUMENT]}
    used = {name: _simplified(definitions[name]) for name in _reached(body, definitions)}
    return {**body, "$defs": used} if used else body


def takes_object(input_schema: JsonSchema | None) -> bool:
    """Whether the arguments of a tool are the input of its graph."""
    return input_schema is None or input_schema.get("type", "object") == "object"


def _simplified(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_simplified(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "array" and f"{_DEFINITION}HumanMessage" in _references(schema):
        return {**_MESSAGES, "title": schema["title"]} if "title" in schema else _MESSAGES
    return {key: _simplified(value) for key, value in schema.items()}


def _references(schema: Any) -> Iterator[str]:
    """Where the schema itself refers to."""
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)


def _reached(body: Any, definitions: JsonSchema) -> list[str]:
    """The definitions that the body needs, also by way of others."""
    reached: dict[str, None] = {}
    open_ends = [body]
    while open_ends:
        for reference in _references(open_ends.pop()):
            name = reference.removeprefix(_DEFINITION)
            if name in definitions and name not in reached:
                reached[name] = None
                open_ends.append(_simplified(definitions[name]))
    return list(reached)
