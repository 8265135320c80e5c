"""The headers that routes read and set, as /openapi.json describes them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Header:
    """`schema` is JSON Schema; `always` says that no answer lacks it."""

    name: str
    description: str
    schema: dict[str, Any]
    always: bool = False

    def as_parameter(self) -> dict[str, Any]:
        """A header that is read, in OpenAPI's terms."""
        about = {"description": self.description, "schema": self.schema}
        return {"name": self.name, "in": "header", **about}


def _text(name: str, description: str, *, always: bool = False, **schema: Any) -> Header:
    return Header(name, description, {"type": "string", **schema}, always)


def _number(name: str, description: str, *, always: bool = False) -> Header:
    return Header(name, description, {"type": "integer", "minimum": 0}, always)


_EVENT_ID = r"\d+-\d+"
POSITION_PATTERN = r"^(-1|-|[0-9]{1,19}(-[0-9]{0,10})?)?$"
"""What may be sent to say where a stream is to begin."""

LAST_EVENT_ID = _text(
    "Last-Event-ID",
    "The id of the last event that was received, to go on after it; -1 replays from the start. "
    "Without it the stream begins now.",
    pattern=POSITION_PATTERN,
)
IDEMPOTENCY_KEY = _text(
    "Idempotency-Key",
    "Any text that is new for each new run: a request that is sent again with it gets the run that "
    "the first one made.",
    minLength=1,
    maxLength=255,
)
ENCRYPTION_CONTEXT = _text(
    "X-Encryption-Context",
    "For whom is encrypted: a JSON object in base64, which the project's handlers get.",
    maxLength=4096,
)
PREFER_MINIMAL = _text("Prefer", "`return=minimal` answers 204 without the thread.")
PREFER_EXACT = _text("Prefer", "`count=exact` counts all that match, however many they are.")

LOCATION = _text("Location", "Where to join again.", always=True)
CONTENT_LOCATION = _text("Content-Location", "The run's own path.", always=True)
STREAM_POSITION = _text(
    "X-Stream-Position",
    "Where this stream begins, as a Last-Event-ID to come back with before the first event. "
    "Absent while the event log cannot be reached.",
    pattern=rf"^(0|{_EVENT_ID})$",
)
PAGINATION_TOTAL = _number("X-Pagination-Total", "How many match.", always=True)
PAGINATION_EXACT = _text(
    "X-Pagination-Exact",
    "`false` when there are at least as many as the total says. Absent when it is exact.",
    const="false",
)
PAGINATION_NEXT = _number("X-Pagination-Next", "Offset of the next page; absent on the last.")
RETRY_AFTER = _number("Retry-After", "Seconds after which to try again.", always=True)
WWW_AUTHENTICATE = _text("WWW-Authenticate", "How to say who you are.")
REQUEST_ID = _text("x-request-id", "What the server's log has the cause under.", always=True)
