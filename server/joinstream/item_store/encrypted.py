"""The store with encrypted values."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from langgraph.store.base import Item, Op, PutOp, Result, SearchOp

from joinstream.encryption.fields import FieldCipher
from joinstream.encryption.searches import ListedFields, require_searchable
from joinstream.item_store.config import TtlConfig
from joinstream.item_store.postgres import PostgresItemStore

if TYPE_CHECKING:
    from langgraph.store.postgres.base import PostgresIndexConfig


class EncryptedItemStore(PostgresItemStore):
    """Filters and semantic search see values as they are stored. The one is refused what is
    encrypted, the other misses it.
    """

    def __init__(
        self,
        database_uri: str,
        index: "PostgresIndexConfig | None",
        ttl: TtlConfig,
        fields: FieldCipher,
    ) -> None:
        super().__init__(database_uri, index, ttl)
        self._fields = fields
        self._listed = ListedFields(fields)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        found = await super().abatch(await asyncio.gather(*map(self._sealed, ops)))
        for result in found:
            if isinstance(result, Item):
                await _open(self._fields, result)
            elif isinstance(result, list):
                items = [each for each in result if isinstance(each, Item)]  # else namespaces
                await asyncio.gather(*(_open(self._listed, item) for item in items))
        return found

    async def _sealed(self, op: Op) -> Op:
        if isinstance(op, SearchOp):
            await require_searchable(self._fields, "store", "value", op.filter, called="filter")
        if not isinstance(op, PutOp) or op.value is None:
            return op
        return op._replace(value=await self._fields.seal("store", "value", op.value))


async def _open(fields: FieldCipher, item: Item) -> None:
    item.value = await fields.open("store", "value", item.value)
