"""The store with encrypted values."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from langgraph.store.base import Item, Op, PutOp, Result

from joinstream.encryption.fields import FieldCipher
from joinstream.item_store.config import TtlConfig
from joinstream.item_store.postgres import PostgresItemStore

if TYPE_CHECKING:
    from langgraph.store.postgres.base import PostgresIndexConfig


class EncryptedItemStore(PostgresItemStore):
    """Filters and semantic search see values as they are stored: what is encrypted, they miss."""

    def __init__(
        self,
        database_uri: str,
        index: "PostgresIndexConfig | None",
        ttl: TtlConfig,
        fields: FieldCipher,
    ) -> None:
        super().__init__(database_uri, index, ttl)
        self._fields = fields

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        found = await super().abatch(await asyncio.gather(*map(self._sealed, ops)))
        for result in found:
            await asyncio.gather(*map(self._open_value, _items_in(result)))
        return found

    async def _sealed(self, op: Op) -> Op:
        if not isinstance(op, PutOp) or op.value is None:
            return op
        return op._replace(value=await self._fields.seal("store", "value", op.value))

    async def _open_value(self, item: Item) -> None:
        item.value = await self._fields.open("store", "value", item.value)


def _items_in(result: Result) -> list[Item]:
    """Of a get or a search; a list of namespaces has none."""
    found = result if isinstance(result, list) else [result]
    return [each for each in found if isinstance(each, Item)]
