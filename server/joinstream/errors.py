"""Every error joinstream raises on purpose.

::

    JoinstreamError
    ├── StartupError              the process cannot start; one line with the remedy
    ├── RequestError              somebody asked for something that cannot be done
    │   ├── BadRequest            400
    │   ├── Unauthorized          401
    │   ├── Forbidden             403
    │   ├── NotFound              404
    │   ├── Conflict              409
    │   ├── PayloadTooLarge       413
    │   ├── Unprocessable         422
    │   ├── GraphUnusable         424  the graph's own code cannot be loaded or drawn
    │   ├── ClientLeft            499  nobody waits for the answer any more
    │   └── ComeBackLater         carries Retry-After
    │       ├── TooManyRequests   429  the caller has as much as they may have
    │       └── Unavailable       503  Postgres or Redis is away, or the queue is full
    ├── AuthFailed                a user's auth handler failed; clients see 500
    ├── LeaseLost                 this worker no longer owns the run it writes for
    ├── Unserializable            a graph's state holds what no checkpoint can
    ├── EncryptionFailed          something stored cannot be encrypted or decrypted
    │   └── HandlerFailed         because the project's handler failed; it may do better later
    └── RunStopped                raised inside a run to end it
        ├── RunInterrupted        cancel with action interrupt
        ├── RunRolledBack         cancel with action rollback
        ├── RunTimedOut           the run used up its time
        ├── RunSetAside           the run used up its attempts
        └── RunHandedBack         the worker drains; another one goes on
"""

from typing import ClassVar


class JoinstreamError(Exception):
    """Root of the tree."""


class StartupError(JoinstreamError):
    """The process cannot start. The message is one line and names the remedy."""


class RequestError(JoinstreamError):
    """A request that cannot be carried out; `detail` tells the client what would be right."""

    status: ClassVar[int] = 400

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(RequestError):
    """The request contradicts itself or the state it is about."""

    status = 400


class Unauthorized(RequestError):
    """Nobody knows who makes the request."""

    status = 401


class Forbidden(RequestError):
    """The caller is known and may not do this."""

    status = 403


class NotFound(RequestError):
    """The thing does not exist, or not for this caller."""

    status = 404


class Conflict(RequestError):
    """The thing exists already, or is busy."""

    status = 409


class PayloadTooLarge(RequestError):
    """The body is larger than HTTP_MAX_REQUEST_BODY_BYTES."""

    status = 413


class Unprocessable(RequestError):
    """A field has the wrong type or value."""

    status = 422


class GraphUnusable(RequestError):
    """The graph's own code failed while it was loaded, drawn or asked for its schemas."""

    status = 424


class ClientLeft(RequestError):
    """Nobody waits for the answer any more; logs and metrics are told so."""

    status = 499


class ComeBackLater(RequestError):
    """Not now. The client should come back in `retry_after` seconds."""

    def __init__(self, detail: str, retry_after: int = 2) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyRequests(ComeBackLater):
    """The caller has as much going on as one caller may have."""

    status = 429


class Unavailable(ComeBackLater):
    """A backing service is away, or has as much to do as it may have."""

    status = 503

    @property
    def reason(self) -> str:
        """For logs: what the service or its driver said, which is not for clients to read."""
        if self.__cause__ is None:
            return self.detail
        words = str(self.__cause__).partition("\n")[0]
        kind = type(self.__cause__).__name__
        return f"{kind}: {words}" if words else kind


class AuthFailed(JoinstreamError):
    """A user's auth handler raised or returned what it must not. Nobody gets in by it."""


class LeaseLost(JoinstreamError):
    """The run was claimed by another worker or has ended; this attempt may write nothing."""


class Unserializable(JoinstreamError, TypeError):
    """A value in a state that cannot be stored; the message names channel, place and type."""


class EncryptionFailed(JoinstreamError):
    """Something stored cannot be encrypted or decrypted; the message says what to set right."""


class HandlerFailed(EncryptionFailed):
    """The project's encryption handler raised, or did not answer in time."""


class RunStopped(JoinstreamError):
    """Raised inside an executing run to end it; the class says how it ends."""


class RunInterrupted(RunStopped):
    """Cancelled with action `interrupt`: checkpoints are kept."""


class RunRolledBack(RunStopped):
    """Cancelled with action `rollback`: the run and its checkpoints are removed."""


class RunTimedOut(RunStopped):
    """The run was executing for longer than its timeout, or than BG_JOB_TIMEOUT_SECS."""


class RunSetAside(RunStopped):
    """Worker after worker died of the run: it fails, and waits for somebody to retry it."""


class RunHandedBack(RunStopped):
    """The worker is stopping; the run goes back to the queue without spending an attempt."""
