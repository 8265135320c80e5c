"""How an exception is shown to clients: `{"error": <class name>, "message": <text>}`.

Only classes whose messages are written for the caller show their text; any other exception (an HTTP
client's, a database driver's) may carry secrets in its message and shows a fixed phrase instead.
The list follows the official server. The full traceback goes to the log.
"""

from typing import TypedDict

from langgraph.errors import (
    EmptyInputError,
    GraphBubbleUp,
    GraphRecursionError,
    InvalidUpdateError,
    TaskNotFound,
)

from joinstream.errors import JoinstreamError

INTERNAL_ERROR = "An internal error occurred"

_SHOWN = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    RecursionError,
    TimeoutError,
    AssertionError,
    InvalidUpdateError,
    GraphBubbleUp,
    GraphRecursionError,
    EmptyInputError,
    TaskNotFound,
    JoinstreamError,
)


class Failure(TypedDict):
    """What clients, the run row and the thread row hold of an exception."""

    error: str
    message: str


def failure_of(error: BaseException) -> Failure:
    shown = isinstance(error, _SHOWN)
    return Failure(error=type(error).__name__, message=str(error) if shown else INTERNAL_ERROR)
