"""What Postgres' own errors mean to a client."""

import asyncpg

from joinstream.errors import PayloadTooLarge, RequestError, Unavailable, Unprocessable

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""Not reachable, going down, out of connections, or too slow to answer in time."""

_TOO_LARGE = (asyncpg.ProgramLimitExceededError,)
_NOT_STORABLE = (asyncpg.UntranslatableCharacterError, asyncpg.CharacterNotInRepertoireError)


def as_request_error(error: Exception) -> RequestError | None:
    """Translate an error of asyncpg or of the connection below it; None for any other."""
    if isinstance(error, _TOO_LARGE):
        return PayloadTooLarge(f"The value is larger than Postgres can store ({error}).")
    if isinstance(error, _NOT_STORABLE):
        return Unprocessable(f"The value holds text that Postgres cannot store ({error}).")
    if isinstance(error, _AWAY) or _is_of_a_closed_connection(error):
        return Unavailable("Postgres cannot be reached right now; try again.")
    return None


def _is_of_a_closed_connection(error: Exception) -> bool:
    """asyncpg has one class for a connection that is gone and for mistakes in our own calls."""
    return isinstance(error, asyncpg.InterfaceError) and "clos" in str(error)
