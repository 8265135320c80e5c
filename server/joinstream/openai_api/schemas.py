"""Bodies of `/v1/chat/completions`, and its answers."""

from typing import Annotated, Any, Literal, NotRequired, Self

import orjson
from pydantic import AfterValidator, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from joinstream.encoding import loads
from joinstream.http.answer import FinishReason
from joinstream.http.schemas.base import Body, Metadata

Model = Annotated[str, Field(min_length=1)]
"""The UUID of an assistant, or the name of a graph."""

_TEXTS = ("text", "input_text", "output_text")


class ContentPart(Body):
    """A part of a message: `text`, `image_url`, or whatever else the graph's model takes."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    type: str

    @model_validator(mode="after")
    def _has_its_text(self) -> Self:
        if self.type in _TEXTS and not isinstance((self.model_extra or {}).get("text"), str):
            raise ValueError(f"needs text, as its type is {self.type}")
        return self


def _json_object(text: str) -> str:
    """Models that call without arguments may write nothing at all."""
    try:
        is_object = isinstance(loads(text or "{}"), dict)
    except orjson.JSONDecodeError:
        is_object = False
    if not is_object:
        raise ValueError("must be a JSON object as text")
    return text


Arguments = Annotated[str, AfterValidator(_json_object)]


class CalledFunction(Body):
    """`arguments` is JSON as text."""

    name: str
    arguments: Arguments


class ToolCallIn(Body):
    """A tool call of an earlier answer."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(Body):
    """One message of the conversation so far."""

    role: Literal["developer", "system", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCallIn] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("needs tool_call_id, as its role is tool")
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("needs content")
        return self


class StreamOptions(Body):
    """What a stream tells besides."""

    include_usage: bool = False


class ChatRequest(Body):
    """A conversation to be continued. Further fields are for models, and are ignored: the graph
    decides how it uses its own."""

    model: Model
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    metadata: Metadata = Field(default_factory=dict)
    n: Annotated[int, Field(ge=1, le=1)] = 1


class FunctionOut(TypedDict):
    """`arguments` is JSON as text."""

    name: str
    arguments: str


class ToolCallOut(TypedDict):
    """A tool call that the client has to answer."""

    id: str
    type: Literal["function"]
    function: FunctionOut


class ChatMessageOut(TypedDict):
    """What the graph answers."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: NotRequired[list[ToolCallOut]]


class ChatChoice(TypedDict):
    """The one answer there is."""

    index: int
    message: ChatMessageOut
    logprobs: None
    finish_reason: FinishReason


class ChatUsage(TypedDict):
    """Tokens, as the graph's models report them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]
    completion_tokens_details: dict[str, int]


class ChatCompletion(TypedDict):
    """A whole answer. `id` is named after the run."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: NotRequired[ChatUsage]


class ChatChunk(TypedDict):
    """One event of a streamed answer; the last line is `[DONE]`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: NotRequired[ChatUsage | None]


class ModelOut(TypedDict):
    """An assistant whose graph takes messages. `id` is the graph's name for a graph's own."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(TypedDict):
    """All of them."""

    object: Literal["list"]
    data: list[ModelOut]
