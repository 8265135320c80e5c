"""Each event that the API of OpenAI sends is written in one place of the code."""

import ast
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from openai.types.responses import ResponseStreamEvent

import joinstream.openai_api

PACKAGE = Path(joinstream.openai_api.__file__).parent

SENT = {
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
}
OBJECTS = {"chat.completion", "chat.completion.chunk", "data: [DONE]\n\n"}


def literals() -> Counter[str]:
    """How often each text stands in the code of the package; not in annotations."""
    found: Counter[str] = Counter()
    for path in PACKAGE.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        types = {id(node) for each in annotations(tree) for node in ast.walk(each)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in types:
                text = node.value.decode() if isinstance(node.value, bytes) else node.value
                found[str(text)] += 1
    return found


def annotations(tree: ast.AST) -> list[ast.expr]:
    return [
        node.annotation
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None
    ]


@pytest.mark.parametrize("name", sorted(SENT | OBJECTS))
def test_each_is_written_once(name: str) -> None:
    assert literals()[name] == 1


def test_every_event_of_a_response_stands_here_and_no_other() -> None:
    assert {text for text in literals() if text.startswith("response.")} == SENT


def test_the_client_knows_every_event() -> None:
    [union, *_] = get_args(ResponseStreamEvent)
    kinds = {get_args(event.model_fields["type"].annotation)[0] for event in get_args(union)}
    assert kinds >= SENT
