"""What clients send as input, as graphs take it."""

from typing import Any

_WHOLE = {
    "AIMessageChunk": "ai",
    "FunctionMessageChunk": "function",
    "HumanMessageChunk": "human",
    "SystemMessageChunk": "system",
    "ToolMessageChunk": "tool",
}
_OF_CHUNKS_ALONE = {"chunk_position", "tool_call_chunks"}


def graph_input(given: Any) -> Any:
    """The input with whole messages for chunks, which clients put together from a stream and send
    back, and of which graphs make no messages."""
    if isinstance(given, list):
        return [graph_input(each) for each in given]
    if not isinstance(given, dict):
        return given
    kind = given.get("type")
    if isinstance(kind, str) and kind in _WHOLE and "content" in given:
        kept = {name: each for name, each in given.items() if name not in _OF_CHUNKS_ALONE}
        return {**kept, "type": _WHOLE[kind]}
    return {name: graph_input(each) for name, each in given.items()}
