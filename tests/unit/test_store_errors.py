"""What errors of Postgres and of its driver become."""

import asyncpg
import pytest

from joinstream.errors import PayloadTooLarge, RequestError, Unavailable, Unprocessable
from joinstream.store.errors import as_request_error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), Unavailable),
        (TimeoutError(), Unavailable),
        (asyncpg.AdminShutdownError(), Unavailable),
        (asyncpg.CannotConnectNowError(), Unavailable),
        (asyncpg.ConnectionDoesNotExistError(), Unavailable),
        (asyncpg.TooManyConnectionsError(), Unavailable),
        (asyncpg.InvalidPasswordError(), Unavailable),
        (asyncpg.ReadOnlySQLTransactionError(), Unavailable),
        (asyncpg.DeadlockDetectedError(), Unavailable),
        (asyncpg.InterfaceError("connection is closed"), Unavailable),
        (asyncpg.InternalClientError("cannot switch to state 12"), Unavailable),
        (asyncpg.ProgramLimitExceededError("too large"), PayloadTooLarge),
        (asyncpg.UntranslatableCharacterError("no text"), Unprocessable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_what_is_not_our_fault_is_told_as_what_it_is(
    error: Exception, expected: type[RequestError]
) -> None:
    assert type(as_request_error(error)) is expected


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UndefinedTableError(),
        asyncpg.InterfaceError("another operation is in progress"),
        ValueError(),
    ],
    ids=["mistaken query", "mistaken call", "anything"],
)
def test_our_own_mistakes_stay_what_they_are(error: Exception) -> None:
    assert as_request_error(error) is None


def test_logs_get_the_reason_that_clients_do_not_get() -> None:
    error = Unavailable("Postgres is away.")
    error.__cause__ = asyncpg.TooManyConnectionsError("no slots\nHINT")
    assert error.detail == "Postgres is away."
    assert error.reason == "TooManyConnectionsError: no slots"
    assert Unavailable("The queue is full.").reason == "The queue is full."
