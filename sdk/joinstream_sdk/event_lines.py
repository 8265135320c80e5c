"""A run's events as lines for people: one each, the tokens of a message joined into one."""

import json
from typing import Any

from langgraph_sdk.schema import StreamPart
from rich.console import Console
from rich.text import Text

_NAME_WIDTH = 9
_STYLES = {"error": "bold red", "gap": "bold yellow", "metadata": "cyan", "custom": "magenta"}

_AWAITED = {"thread": "its thread", "cap": "room under a cap", "worker": "a worker"}


class EventLines:
    """Prints events to a console; `whole` ones are not cut at the end of the line."""

    def __init__(self, console: Console, *, whole: bool = False) -> None:
        self._console = console
        self._whole = whole or not console.is_terminal
        self._open_message: str | None = None
        self._shown: dict[str, int] = {}

    def print(self, part: StreamPart) -> None:
        mode, *namespace = part.event.split("|")
        data: Any = part.data
        if mode == "messages":
            message, metadata = data
            self._print_text(message, metadata.get("langgraph_node", ""), text_of(message))
        elif mode in ("messages/partial", "messages/complete"):
            self._print_growing(data)
        elif mode != "messages/metadata":
            self.finish()
            self._print_line(mode, "/".join(name.split(":")[0] for name in namespace), data)

    def finish(self) -> None:
        """End the line of a message that may still have gone on."""
        if self._open_message is not None:
            self._console.print()
            self._open_message = None

    def _print_line(self, mode: str, where: str, data: Any) -> None:
        style = _STYLES.get(mode, "green")
        if mode == "end":
            style = "bold green" if data["status"] == "success" else "bold red"
        line = Text.assemble((f"{mode:<{_NAME_WIDTH}} ", style))
        if where:
            line.append(f"{where} ", "dim")
        line.append(_sentence(mode, data), style if mode in ("error", "gap") else "")
        if self._whole:
            self._console.print(line, soft_wrap=True)
        else:
            self._console.print(line, overflow="ellipsis", no_wrap=True)

    def _print_growing(self, messages: list[dict[str, Any]]) -> None:
        """Messages that come again, longer each time: print what is new."""
        for message in messages:
            text = text_of(message)
            shown = self._shown.get(message["id"], 0)
            self._shown[message["id"]] = len(text)
            self._print_text(message, message["type"].removesuffix("MessageChunk"), text[shown:])

    def _print_text(self, message: dict[str, Any], where: str, text: str) -> None:
        if not text:
            return
        if message["id"] != self._open_message:
            self.finish()
            self._open_message = message["id"]
            label = Text.assemble((f"{'messages':<{_NAME_WIDTH}} ", "blue"), (f"{where} ", "dim"))
            self._console.print(label, end="")
        self._console.print(Text(text), end="", soft_wrap=True)


def text_of(message: dict[str, Any]) -> str:
    """What a message, or a piece of one, says; a call of a tool counts as `[calls <tool>]`."""
    content = message["content"]
    blocks = [content] if isinstance(content, str) else content
    said = "".join(block if isinstance(block, str) else block.get("text", "") for block in blocks)
    calls = message.get("tool_call_chunks") or message.get("tool_calls") or []
    return said + "".join(f"[calls {call['name']}]" for call in calls if call.get("name"))


def _sentence(mode: str, data: Any) -> str:
    """The data of an event in a few words where it has a known shape, else as JSON."""
    if mode == "end":
        return str(data["status"])
    if mode == "error":
        return f"{data['error']}: {data['message']}"
    if mode == "metadata":
        return f"attempt {data['attempt']}"
    if mode == "queue":
        return _waiting(data)
    if mode == "gap":
        return "events are missing here; the current state follows"
    if mode == "updates" and isinstance(data, dict) and len(data) == 1:
        ((node, update),) = data.items()
        return f"{node} {_json(update)}"
    return _json(data)


def _waiting(data: dict[str, Any]) -> str:
    if data["waits_for"] == "time":
        return f"begins at {data['due_at']}"
    return f"waits for {_AWAITED[data['waits_for']]}, {data['position']} before it"


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)
