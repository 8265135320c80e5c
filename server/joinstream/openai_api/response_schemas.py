"""Bodies of `/v1/responses`, and its answers."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, field_validator, model_validator
from typing_extensions import TypedDict

from joinstream.http.schemas.base import Body, Metadata, Query
from joinstream.openai_api.schemas import Arguments, ContentPart, Model

ResponseStatus = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

ItemType = Literal["message", "function_call", "function_call_output", "reasoning"]
_NEEDS: dict[str, tuple[str, ...]] = {
    "message": ("role", "content"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "reasoning": (),
}


class InputItem(Body):
    """A message, a tool call of an earlier answer, or its result; reasoning is left out."""

    type: ItemType = "message"
    role: Literal["developer", "system", "user", "assistant"] | None = None
    content: str | list[ContentPart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Arguments | None = None
    output: str | list[ContentPart] | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        missing = [name for name in _NEEDS[self.type] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"needs {' and '.join(missing)}, as its type is {self.type}")
        return self


def _as_items(given: Any) -> Any:
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


Input = Annotated[
    list[InputItem],
    Field(min_length=1),
    BeforeValidator(_as_items, json_schema_input_type=str | list[InputItem]),
]
"""Items, or a text for what a user says."""


class ConversationIn(Body):
    """The conversation by its id."""

    id: str


class ResponseRequest(Body):
    """What is to be answered, and what it continues. Further fields are ignored, as they are for
    models: the graph decides how it uses its own."""

    model: Model
    input: Input
    instructions: str | None = None
    stream: bool = False
    background: bool = False
    store: bool = True
    previous_response_id: str | None = None
    conversation: str | ConversationIn | None = None
    metadata: Metadata = Field(default_factory=dict)


class RetrieveQuery(Query):
    """With `stream`, the events of the response, those after `starting_after` alone."""

    stream: bool = False
    starting_after: Annotated[int, Field(ge=0)] | None = None


class ConversationRef(TypedDict):
    """Where a response belongs."""

    id: str


class ResponseError(TypedDict):
    """Why the run failed."""

    code: str
    message: str


class ResponseUsage(TypedDict):
    """Tokens, as the graph's models report them."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens_details: dict[str, int]


class ResponseOut(TypedDict):
    """A run. Fields that are always the same are there because clients expect them."""

    id: str
    object: Literal["response"]
    created_at: int
    status: ResponseStatus
    background: bool
    conversation: ConversationRef | None
    error: ResponseError | None
    incomplete_details: dict[str, str] | None
    instructions: str | None
    metadata: dict[str, Any]
    model: str
    output: list[dict[str, Any]]
    parallel_tool_calls: bool
    previous_response_id: str | None
    store: bool
    temperature: None
    tool_choice: str
    tools: list[Any]
    top_p: None
    usage: ResponseUsage | None


class ResponseDeleted(TypedDict):
    """It is gone."""

    id: str
    object: Literal["response"]
    deleted: bool


class ConversationCreate(Body):
    """A conversation in which nothing was said yet."""

    items: list[Any] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)

    @field_validator("items")
    @classmethod
    def _is_empty(cls, items: list[Any]) -> list[Any]:
        if items:
            raise ValueError("nothing can be said without a model; send it with the first response")
        return items


class ConversationUpdate(Body):
    """What is added to the metadata, or replaced in it."""

    metadata: Metadata = Field(default_factory=dict)


class ConversationOut(TypedDict):
    """A thread, as what it is called here."""

    id: str
    object: Literal["conversation"]
    created_at: int
    metadata: dict[str, Any]


class ConversationDeleted(TypedDict):
    """It is gone."""

    id: str
    object: Literal["conversation.deleted"]
    deleted: bool


def id_in(text: str, prefix: str) -> UUID | None:
    """The UUID in an id of ours, with its prefix or without; None in any other text."""
    try:
        return UUID(text.removeprefix(prefix))
    except ValueError:
        return None
