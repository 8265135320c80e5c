"""Identifiers. Everything created here is a uuid7, so ids sort by creation time."""

from typing import NewType
from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

AssistantId = NewType("AssistantId", UUID)
CheckpointId = NewType("CheckpointId", str)
CronId = NewType("CronId", UUID)
RunId = NewType("RunId", UUID)
ThreadId = NewType("ThreadId", UUID)

SYSTEM_ASSISTANT_NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""A system assistant's id is uuid5(this, graph_id), as in the official server."""
_FREE_THREAD_NAMES = UUID("5c1fd1f7-9d1c-4d0e-8a5c-2f1a2b7f3c11")


def new_run_id() -> RunId:
    return RunId(uuid7())


def new_thread_id() -> ThreadId:
    return ThreadId(uuid7())


def thread_key(name: str) -> ThreadId:
    """A thread's id where threads may be named freely: names that are no UUIDs are hashed."""
    return ThreadId(UUID(name) if is_uuid(name) else uuid5(_FREE_THREAD_NAMES, name))


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def new_cron_id() -> CronId:
    return CronId(uuid7())
