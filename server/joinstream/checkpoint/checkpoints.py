"""The `Checkpoints` port over a pool."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.checkpoint.saver import Fence, PostgresSaver
from joinstream.checkpoint.storage import measure_thread
from joinstream.domain.ids import ThreadId
from joinstream.domain.storage import ThreadStorage
from joinstream.encryption.fields import FieldCipher
from joinstream.errors import NotFound


class PostgresCheckpoints:
    """Makes savers over one pool, all with the same serializer; `fields` encrypts metadata."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        serde: SerializerProtocol | None = None,
        fields: FieldCipher | None = None,
    ) -> None:
        self._pool = pool
        self._serde = serde
        self._fields = fields

    def saver(self) -> PostgresSaver:
        return PostgresSaver(self._pool, serde=self._serde, fields=self._fields)

    def fenced_saver(self, run_id: UUID, epoch: int) -> PostgresSaver:
        return PostgresSaver(
            self._pool, fence=Fence(run_id, epoch), serde=self._serde, fields=self._fields
        )

    def saver_on(self, connection: asyncpg.Connection) -> PostgresSaver:
        """A saver whose statements are part of the connection's transaction."""
        return PostgresSaver(connection, serde=self._serde, fields=self._fields)

    async def storage(self, thread_id: ThreadId) -> ThreadStorage:
        return await measure_thread(self._pool, self.saver().serde, thread_id)

    async def require(self, thread_id: ThreadId, checkpoint: Mapping[str, Any]) -> None:
        named = checkpoint.get("checkpoint_id")
        if named is None or checkpoint.get("checkpoint_ns"):
            return
        if not await self.saver().ahas_checkpoint(str(thread_id), str(named)):
            raise NotFound(
                f"Thread {thread_id} has no checkpoint {named}. Its history, by "
                f"GET /threads/{thread_id}/history, lists those it has."
            )

    async def has_checkpoint_of_run(self, thread_id: UUID, run_id: UUID) -> bool:
        return await self.saver().ahas_checkpoint_of_run(str(thread_id), str(run_id))

    async def delete_of_run(self, thread_id: UUID, run_id: UUID) -> None:
        await self.saver().adelete_run_of_thread(str(thread_id), str(run_id))
