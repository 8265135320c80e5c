"""Identifiers. Everything created here is a uuid7, so ids sort by creation time."""

from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

AssistantId = NewType("AssistantId", UUID)
CheckpointId = NewType("CheckpointId", str)
CronId = NewType("CronId", UUID)
RunId = NewType("RunId", UUID)
ThreadId = NewType("ThreadId", UUID)

SYSTEM_ASSISTANT_NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""A system assistant's id is uuid5(this, graph_id), as in the official server."""


def new_run_id() -> RunId:
    return RunId(uuid7())


def new_thread_id() -> ThreadId:
    return ThreadId(uuid7())


def new_cron_id() -> CronId:
    return CronId(uuid7())
