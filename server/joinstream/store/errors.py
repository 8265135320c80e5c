"""What Postgres' own errors mean to a client."""

import asyncpg

from joinstream.errors import PayloadTooLarge, RequestError, Unavailable, Unprocessable

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
)
"""Not reachable, going down, out of connections, or too slow to answer in time; letting nobody in
any more, for its password was changed; no primary any more, after a failover; done with a statement
that was in another's way, as in a deadlock; also asyncpg's own confusion about a connection that
ended at the moment it was taken from the pool."""


def as_request_error(error: Exception) -> RequestError | None:
    """Translate an error of asyncpg or of the connection below it; None for any other."""
    if isinstance(error, asyncpg.ProgramLimitExceededError):
        return PayloadTooLarge(f"The value is larger than Postgres can store ({error}).")
    if isinstance(error, asyncpg.DataError):
        # a cause is there when the value could not even be sent, such as JSON nested too deeply
        return Unprocessable(f"The value cannot be stored: {error.__cause__ or error}.")
    if isinstance(error, _AWAY) or _is_of_a_closed_connection(error):
        return Unavailable("Postgres cannot be reached right now; try again.")
    return None


def _is_of_a_closed_connection(error: Exception) -> bool:
    """asyncpg has one class for a connection that is gone and for mistakes in our own calls."""
    return isinstance(error, asyncpg.InterfaceError) and "clos" in str(error)
