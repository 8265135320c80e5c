"""A LangGraph Command made of its JSON."""

from typing import Any

from langgraph.types import Command, Send

from joinstream.domain.kwargs import RunCommand


def as_command(command: RunCommand) -> Command[Any]:
    update = command.get("update")
    if isinstance(update, list):
        update = [tuple(key_and_value) for key_and_value in update]
    return Command(update=update, resume=command.get("resume"), goto=_goto(command.get("goto")))


def _goto(goto: Any) -> Any:
    if goto is None:
        return ()
    targets = goto if isinstance(goto, list) else [goto]
    return [
        Send(target["node"], target.get("input")) if isinstance(target, dict) else target
        for target in targets
    ]
