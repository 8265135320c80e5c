"""What stands on the wire: JSON-RPC, and the objects of the protocol."""

from typing import Any, Literal, NotRequired, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from joinstream.http.schemas.base import Body

MessageId = str | int

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
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


class RpcError(TypedDict):
    """Why a message cannot be answered. The codes are those of JSON-RPC."""

    code: int
    message: str
    data: NotRequired[Any]


class Refusal(TypedDict):
    """`id` is null when the message was not understood that far."""

    jsonrpc: Literal["2.0"]
    id: MessageId | None
    error: RpcError


class Success(TypedDict):
    """What `result` holds, the method says."""

    jsonrpc: Literal["2.0"]
    id: MessageId
    result: dict[str, Any]


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


def success(message_id: MessageId, result: Any) -> Success:
    return Success(jsonrpc="2.0", id=message_id, result=result)


def refusal(message_id: MessageId | None, code: int, message: str, data: Any = None) -> Refusal:
    error = RpcError(code=code, message=message)
    if data is not None:
        error["data"] = data
    return Refusal(jsonrpc="2.0", id=message_id, error=error)
