"""JSON-RPC 2.0, which several protocols are spoken in: what stands around their words."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from joinstream.encoding import dumps
from joinstream.streams.codec import sse_bytes

MessageId = str | int

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603


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


def success(message_id: MessageId, result: Any) -> Success:
    return Success(jsonrpc="2.0", id=message_id, result=result)


def refusal(message_id: MessageId | None, code: int, message: str, data: Any = None) -> Refusal:
    error = RpcError(code=code, message=message)
    if data is not None:
        error["data"] = data
    return Refusal(jsonrpc="2.0", id=message_id, error=error)


def message_event(message: Any) -> bytes:
    """One message of a stream. Without an id: what is lost cannot be asked for again."""
    return sse_bytes("message", dumps(message), None)


def with_hint(given: Any, detail: str) -> str:
    """Why what was given is no message: `detail`, unless there is more to say."""
    return "Send one message at a time: an object." if isinstance(given, list) else detail
