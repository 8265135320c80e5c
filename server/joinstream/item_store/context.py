"""Lets code outside of a graph call `get_store()`: a project's own routes do."""

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph._internal._constants import CONFIG_KEY_RUNTIME
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore


@contextmanager
def giving_store(store: BaseStore) -> Iterator[None]:
    """`get_store()` gives this store inside. So do graphs that are called there."""
    config = RunnableConfig(configurable={CONFIG_KEY_RUNTIME: Runtime(store=store)})
    token = var_child_runnable_config.set(config)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)
