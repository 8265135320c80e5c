"""A message that came in one piece, as the events of one that was streamed."""

from collections.abc import Iterator
from typing import Any

from langchain_core.messages import BaseMessage


def events_of_message(message: BaseMessage, node: str | None) -> Iterator[dict[str, Any]]:
    """Its start, each of its content blocks whole, and its end."""
    yield {
        "event": "message-start",
        "role": message.type,
        "id": message.id,
        "metadata": {"langgraph_node": node},
    }
    for index, block in enumerate(message.content_blocks):
        known = {"index": index, "message_id": message.id}
        yield {**known, "event": "content-block-start", "content": block}
        yield {**known, "event": "content-block-finish", "content": block}
    finish: dict[str, Any] = {"event": "message-finish", "message_id": message.id}
    if usage := getattr(message, "usage_metadata", None):
        finish["usage"] = usage
    yield finish
