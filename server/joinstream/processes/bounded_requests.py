"""How much, and for how long, anybody may send before it is known what is asked for.

uvicorn keeps whatever comes of a request's head, for as long as it takes; nobody has been asked who
they are by then.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES_OF_HEAD = 256 * 1024
"""Of the request line and the headers, or of trailers; up to one read more may get in."""
HEAD_SECONDS = 30.0
"""How long a head may take, from its first byte; and how long a new connection may say nothing."""


class BoundedRequests(HttpToolsProtocol):
    """uvicorn's own, which hangs up on whoever sends a head without an end, or none.

    Parts of a body are no concern of it: they are handed on, and who reads them has a limit.
    """

    _barren_bytes = 0
    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._barren_bytes += len(data)
        super().data_received(data)
        if self._barren_bytes > MOST_BYTES_OF_HEAD and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        self._expect_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._barren_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._barren_bytes = 0
        super().on_message_complete()

    def _expect_head(self) -> None:
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_arrived(self) -> None:
        self._barren_bytes = 0
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _head_is_late(self) -> None:
        self._head_deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self._hang_up()
        else:
            self._expect_head()  # the request before is being answered still

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        if self._head_deadline is None:
            self._hang_up()  # in the middle of a request, which may be answered already
        else:
            self.send_400_response(
                f"The request line and the headers are larger than {MOST_BYTES_OF_HEAD} bytes."
            )
