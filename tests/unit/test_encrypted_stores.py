"""What a store learns to do, its encrypted sibling does too, or it is known to have no fields."""

import inspect

import pytest

from joinstream.store.assistants import PostgresAssistants
from joinstream.store.crons import PostgresCrons
from joinstream.store.encrypted.assistants import EncryptedAssistants
from joinstream.store.encrypted.crons import EncryptedCrons
from joinstream.store.encrypted.runs import EncryptedRuns
from joinstream.store.encrypted.threads import EncryptedLockedThread, EncryptedThreads
from joinstream.store.encrypted.webhooks import EncryptedWebhooks
from joinstream.store.locked_threads import PostgresLockedThread
from joinstream.store.runs import PostgresRuns
from joinstream.store.threads import PostgresThreads
from joinstream.store.webhooks import PostgresWebhooks

STORES: list[tuple[type, type, set[str]]] = [
    (
        PostgresRuns,
        EncryptedRuns,
        {
            "figures",
            "has_begun",
            "status",
            "queue_position",
            "count",
            "active",
            "active_of_assistant",
            "cancel",
            "count_set_aside",
            "retry",
            "delete_ended",
            "open_held",
            "renew",
            "release",
            "sweep",
        },
    ),
    (
        PostgresThreads,
        EncryptedThreads,
        {"get", "ttl", "delete", "prune_checkpoints", "of_assistant"},
    ),
    (PostgresLockedThread, EncryptedLockedThread, {"delete", "keep_latest", "keep_newest"}),
    (
        PostgresAssistants,
        EncryptedAssistants,
        {"get", "set_latest", "put_system", "delete"},
    ),
    (
        PostgresCrons,
        EncryptedCrons,
        {"delete", "firings", "count_firings", "seconds_until_due"},
    ),
    (
        PostgresWebhooks,
        EncryptedWebhooks,
        {"settle", "get", "search", "count", "send_again"},  # a delivery shows no payload
    ),
]


def methods_of(store: type) -> set[str]:
    return {
        name
        for name, member in vars(store).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("plain", "encrypted", "without_fields"), STORES, ids=[plain.__name__ for plain, _, _ in STORES]
)
def test_every_method_of_a_store_is_encrypted_or_known_to_have_no_fields(
    plain: type, encrypted: type, without_fields: set[str]
) -> None:
    assert methods_of(plain) - methods_of(encrypted) - without_fields == set()
    assert without_fields <= methods_of(plain)


def test_what_reads_one_row_opens_it() -> None:
    """So do `get` and `set_latest`."""
    for encrypted in (EncryptedThreads, EncryptedAssistants):
        assert "_one" in vars(encrypted)
