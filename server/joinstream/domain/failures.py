"""How an exception is shown to clients: `{"error": <class name>, "message": <text>}`.

Only classes whose messages are written for the caller show their text; any other exception (an HTTP
client's, a database driver's) may carry secrets in its message and shows a fixed phrase instead.
The list follows the official server. The full traceback goes to the log.
"""

from typing import Any, NotRequired, TypedDict

import langgraph.errors
from langgraph.errors import (
    EmptyInputError,
    GraphBubbleUp,
    GraphRecursionError,
    InvalidUpdateError,
    TaskNotFound,
)

from joinstream.errors import JoinstreamError

_UNKNOWN_INTERRUPT: Any = getattr(langgraph.errors, "UnknownInterruptError", ())
"""From LangGraph 1.2.20 on: an answer that nobody waits for, in a run that is strict about it."""
KNOWS_STRICT_RESUME = bool(_UNKNOWN_INTERRUPT)

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
    """What clients, the run row and the thread row hold of an exception.

    `reason`, `interrupt_ids` and `pending_ids` are those of an UnknownInterruptError.
    """

    error: str
    message: str
    reason: NotRequired[str]
    interrupt_ids: NotRequired[list[str]]
    pending_ids: NotRequired[list[str]]


def failure_of(error: BaseException) -> Failure:
    if isinstance(error, _UNKNOWN_INTERRUPT):
        return _refused_answer(error)
    shown = isinstance(error, _SHOWN)
    return Failure(error=type(error).__name__, message=str(error) if shown else INTERNAL_ERROR)


def _refused_answer(error: Any) -> Failure:
    return Failure(
        error=type(error).__name__,
        message=str(error),
        reason=error.reason,
        interrupt_ids=list(error.interrupt_ids),
        pending_ids=list(error.pending_ids),
    )
