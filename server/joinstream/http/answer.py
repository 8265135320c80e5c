"""What a run added to its conversation, as its output has it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from joinstream.domain.ids import RunId
from joinstream.domain.run_record import Run
from joinstream.encoding import dumps, loads

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]
Message = dict[str, Any]
"""A message of LangChain, as JSON."""

BETWEEN_MESSAGES = "\n\n"
"""Stands between the texts of a run that are told as one."""

_OF_INPUT = re.compile(r"in-[0-9a-f]{32}-\d+")
_KINDS = {"assistant": "ai", "user": "human", "tool": "tool"}
_CUT_SHORT: dict[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "SAFETY": "content_filter",
}
"""How the model providers say so."""


def input_id(run_id: RunId, number: int) -> str:
    """The id of a message that the run is given."""
    return f"in-{run_id.hex}-{number}"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, summed over the messages of a run."""

    input: int = 0
    output: int = 0
    total: int = 0
    cached: int = 0
    reasoning: int = 0

    def plus(self, told: dict[str, Any]) -> "Usage":
        """`told` is a message's `usage_metadata`."""
        read = told.get("input_token_details") or {}
        written = told.get("output_token_details") or {}
        return Usage(
            self.input + (told.get("input_tokens") or 0),
            self.output + (told.get("output_tokens") or 0),
            self.total + (told.get("total_tokens") or 0),
            self.cached + (read.get("cache_read") or 0),
            self.reasoning + (written.get("reasoning") or 0),
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the models of a run said, what its tools answered, and what it waits for."""

    messages: Sequence[Message]
    questions: Sequence[str]

    @property
    def texts(self) -> list[str]:
        """Those of the models; a question of the graph is the last one."""
        said = [text for message in self._said if (text := text_of(message))]
        return [*said, *self.questions]

    @property
    def text(self) -> str:
        return BETWEEN_MESSAGES.join(self.texts)

    @property
    def calls(self) -> list[ToolCall]:
        return [call for message in self._said for call in calls_of(message)]

    @property
    def open_calls(self) -> list[ToolCall]:
        """Tool calls that no tool of the graph has answered: they are the client's to answer."""
        answered = {message.get("tool_call_id") for message in self.messages}
        return [call for call in self.calls if call.call_id not in answered]

    @property
    def finish_reason(self) -> FinishReason:
        if self.open_calls:
            return "tool_calls"
        about = (self._said[-1].get("response_metadata") or {}) if self._said else {}
        told = about.get("finish_reason") or about.get("stop_reason")
        return _CUT_SHORT.get(told, "stop") if isinstance(told, str) else "stop"

    @property
    def usage(self) -> Usage | None:
        """None when the graph's models report none."""
        told = [usage for message in self._said if (usage := message.get("usage_metadata"))]
        usage = Usage()
        for each in told:
            usage = usage.plus(each)
        return usage if told else None

    @property
    def _said(self) -> list[Message]:
        return [message for message in self.messages if kind_of(message) == "ai"]


def answer_of(run: Run, output: Any, *, is_own: bool = True) -> Answer:
    """`output` is that of the run or, unless `is_own`, what its thread holds later on.

    It may be JSON or objects.
    """
    output = loads(dumps(output))
    if not isinstance(output, dict):
        return Answer([], [])
    messages = output.get("messages")
    given = messages if isinstance(messages, list) else []
    known = [message if isinstance(message, dict) else {} for message in given]
    added = list(_added(run, known) if is_own else _added_among_others(run, known))
    questions = [_question(each["value"]) for each in output.get("__interrupt__") or ()]
    return Answer(added, questions)


def kind_of(message: Message) -> str | None:
    """The type of a message; graphs may also keep messages as OpenAI writes them."""
    kind = message.get("type")
    return kind if isinstance(kind, str) else _KINDS.get(str(message.get("role")))


def text_of(message: Message) -> str:
    """The text of a message or a chunk, without images, thoughts and the like."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(_texts(content)) if isinstance(content, list) else ""


def calls_of(message: Message) -> list[ToolCall]:
    message_id = str(message.get("id"))
    calls = enumerate(message.get("tool_calls") or ())
    return [_call(call, call_id_of(call, message_id, index)) for index, call in calls]


def call_id_of(call: dict[str, Any], message_id: str, index: Any) -> str:
    """Clients need an id to answer the call; some models give none."""
    return call.get("id") or f"call_{message_id}_{index}"


def _call(call: dict[str, Any], call_id: str) -> ToolCall:
    if "function" in call:
        return ToolCall(call_id, call["function"]["name"], call["function"]["arguments"])
    return ToolCall(call_id, call["name"], dumps(call["args"]).decode())


def _texts(blocks: list[Any]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, str):
            yield block
        elif isinstance(block, dict) and block.get("type") in ("text", "text_delta"):
            yield str(block.get("text") or "")


def _added(run: Run, messages: Sequence[Message]) -> Iterator[Message]:
    """What follows the run's input; or the last input of any run, where the run had none, an answer
    to a question for example, or where the graph does not keep it."""
    begins = _of_its_input(run, messages) or [
        at for at, each in enumerate(messages) if _is_input(each)
    ]
    yield from messages[begins[-1] + 1 if begins else 0 :]


def _added_among_others(run: Run, messages: Sequence[Message]) -> Iterator[Message]:
    """The same up to the input of the next run; nothing where the run's input is not kept."""
    if not _of_its_input(run, messages) and _own(run) in str(run.kwargs.get("input")):
        return
    for message in _added(run, messages):
        if _is_input(message):
            return
        yield message


def _of_its_input(run: Run, messages: Sequence[Message]) -> list[int]:
    return [at for at, each in enumerate(messages) if str(each.get("id")).startswith(_own(run))]


def _own(run: Run) -> str:
    """How the ids of the run's input begin."""
    return f"in-{run.run_id.hex}-"


def _is_input(message: Message) -> bool:
    return kind_of(message) == "human" or bool(_OF_INPUT.fullmatch(str(message.get("id"))))


def _question(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value).decode()
