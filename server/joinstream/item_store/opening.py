"""The store of a process: LangGraph's on our Postgres, or the project's own."""

import inspect
from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from pathlib import Path
from typing import Any

import asyncpg
from langgraph.store.base import BaseStore
from langgraph.store.base.embed import ensure_embeddings

from joinstream.encryption.fields import FieldCipher
from joinstream.errors import StartupError
from joinstream.item_store.config import IndexConfig, item_store_config
from joinstream.item_store.encrypted import EncryptedItemStore
from joinstream.item_store.postgres import PostgresItemStore
from joinstream.item_store.tables import missing_tables
from joinstream.project import Project
from joinstream.project.modules import load_object


@asynccontextmanager
async def open_item_store(
    pool: asyncpg.Pool, database_uri: str, project: Project, fields: FieldCipher | None
) -> AsyncIterator[BaseStore]:
    """The store, for the running event loop. `fields` encrypts the values of ours.

    Raises StartupError when there is none to be had.
    """
    config = item_store_config(project.config)
    if config.path is not None:
        async with _opened(load_object(config.path, project.folder, "store"), config.path) as own:
            yield own
        return
    async with pool.acquire() as connection:
        if await missing_tables(connection, config):
            raise StartupError(
                "The database lacks tables for items: run `joinstream migrate` first, with the "
                "--config of this project."
            )
    index = _library_index(config.index, project.folder) if config.index else None
    store = (
        PostgresItemStore(database_uri, index, config.ttl)
        if fields is None
        else EncryptedItemStore(database_uri, index, config.ttl, fields)
    )
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _opened(found: Any, path: str) -> AsyncIterator[BaseStore]:
    """A store, or what a function gives: a store, an awaitable or a context manager of one."""
    async with AsyncExitStack() as stack:
        if callable(found) and not isinstance(found, BaseStore):
            found = found()
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, AbstractAsyncContextManager) and not isinstance(found, BaseStore):
            found = await stack.enter_async_context(found)
        elif isinstance(found, AbstractContextManager) and not isinstance(found, BaseStore):
            found = stack.enter_context(found)
        if not isinstance(found, BaseStore):
            raise StartupError(
                f"store: {path} is a {type(found).__name__}; name a langgraph BaseStore, or a "
                "function that returns one or is a context manager of one"
            )
        yield found


def _library_index(config: IndexConfig, folder: Path) -> Any:
    return {**config.model_dump(), "embed": _embeddings(config.embed, folder)}


def _embeddings(embed: str, folder: Path) -> Any:
    source = embed.rpartition(":")[0]
    if "/" in source or "." in source:
        return ensure_embeddings(load_object(embed, folder, "store.index.embed"))
    try:
        return ensure_embeddings(embed)
    except (ImportError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StartupError(
            f"store.index.embed: {embed!r} cannot be used: {reason} A function of your own is "
            "named ./file.py:function."
        ) from error
