"""Lets a handler read the request without taking it away from the route behind it."""

from starlette.types import Message, Receive

from joinstream.errors import PayloadTooLarge


class RecordedBody:
    """Passes the server's messages on to a handler, and then once more to the route."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._bytes = 0
        self._recorded: list[Message] = []
        self._replayed = 0

    async def record(self) -> Message:
        """For the handler. Raises PayloadTooLarge once there is more than the limit (bytes)."""
        message = await self._receive()
        self._recorded.append(message)
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limit:
            raise PayloadTooLarge(
                f"The request body is larger than {self._limit} bytes, the limit set by "
                "HTTP_MAX_REQUEST_BODY_BYTES."
            )
        return message

    async def replay(self) -> Message:
        """For the route: what the handler has read, then what is still to come."""
        if self._replayed < len(self._recorded):
            self._replayed += 1
            return self._recorded[self._replayed - 1]
        return await self._receive()
