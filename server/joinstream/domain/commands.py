"""A LangGraph Command made of its JSON."""

from typing import Any

from langgraph.types import Command, Send

from joinstream.domain.kwargs import RunCommand


def as_command(command: RunCommand) -> Command[Any]:
    update = command.get("update")
    if isinstance(update, list) and all(
        isinstance(item, list) and len(item) == 2 for item in update
    ):
        update = [tuple(item) for item in update]
    return Command(update=update, resume=command.get("resume"), goto=_goto(command.get("goto")))


def _goto(goto: Any) -> Any:
    if goto is None:
        return ()
    targets = goto if isinstance(goto, list) else [goto]
    return [
        Send(target["node"], target.get("input")) if isinstance(target, dict) else target
        for target in targets
    ]
