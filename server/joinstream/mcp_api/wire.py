"""What stands on the wire: the objects of the protocol. JSON-RPC is around them."""

from typing import Any, Literal, NotRequired, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from joinstream.http.json_rpc import MessageId
from joinstream.http.schemas.base import Body

HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022


class Message(Body):
    """A request has an id and a method, a notification has no id, and an answer no method."""

    jsonrpc: Literal["2.0"]
    id: MessageId | None = None
    method: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_something(self) -> Self:
        if self.method is None and self.result is None and self.error is None:
            raise ValueError("needs a method, such as tools/list")
        return self


class InitializeParams(Body):
    """What a client says of itself before all else; the rest is of no interest here."""

    protocol_version: str = Field(alias="protocolVersion")


class ListParams(Body):
    """`cursor` is the `nextCursor` of the page before."""

    cursor: str | None = None


class CallMeta(Body):
    """What is said about a call, beside its arguments.

    `thread_id` is a thread to run on, made when there is none; `resume` answers what the graph has
    asked there.
    """

    null_means = frozenset({"resume"})

    progress_token: MessageId | None = Field(default=None, alias="progressToken")
    thread_id: str | None = None
    resume: Any = None

    @property
    def resumes(self) -> bool:
        return "resume" in self.model_fields_set


class CallParams(Body):
    """Which tool, and what it is given."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    meta: CallMeta = Field(default_factory=CallMeta, alias="_meta")


class Annotations(TypedDict):
    """What a client should expect of a tool: of a graph, nothing can be said but that it may do
    anything."""

    readOnlyHint: bool
    destructiveHint: bool
    idempotentHint: bool
    openWorldHint: bool


class Tool(TypedDict):
    """An assistant, as something that a model can call."""

    name: str
    title: str
    description: str
    inputSchema: dict[str, Any]
    annotations: Annotations


class ToolPage(TypedDict):
    """`nextCursor` is there when there are more."""

    tools: list[Tool]
    nextCursor: NotRequired[str]


class TextContent(TypedDict):
    """A text for a model to read."""

    type: Literal["text"]
    text: str


class ToolResult(TypedDict):
    """What came of a call. `_meta` names the run, and its thread when that stays."""

    content: list[TextContent]
    structuredContent: NotRequired[dict[str, Any]]
    isError: bool
    _meta: NotRequired[dict[str, str]]
