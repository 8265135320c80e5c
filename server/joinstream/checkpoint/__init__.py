"""Checkpoints in Postgres: LangGraph's saver, fenced."""

from joinstream.checkpoint.checkpoints import PostgresCheckpoints
from joinstream.checkpoint.saver import Fence, PostgresSaver

__all__ = ["Fence", "PostgresCheckpoints", "PostgresSaver"]
