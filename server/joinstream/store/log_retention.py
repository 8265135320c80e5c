"""Removes what is kept only for a time: ended runs, firings of crons, delivered webhooks."""

from pathlib import Path

from joinstream.domain.retention import Log
from joinstream.sql import load_queries
from joinstream.store.database import Database

_QUERIES = load_queries(Path(__file__).parent / "queries" / "log_retention.sql")


_TABLES: dict[Log, str] = {
    "runs": "runs",
    "firings": "cron_firings",
    "deliveries": "webhook_deliveries",
}


def _query(name: str, log: Log) -> str:
    return _QUERIES[name].replace("{due}", _QUERIES[log]).replace("{table}", _TABLES[log])


class PostgresLogRetention:
    """Sweeps over a database. Raises Unavailable when Postgres is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove(self, log: Log, older_than_seconds: float, limit: int) -> int:
        """How many rows were removed, at most `limit`."""
        return await self._database.execute(_query("remove", log), older_than_seconds, limit)

    async def count_due(self, log: Log, older_than_seconds: float) -> int:
        """How many rows `remove` would remove without a limit."""
        count: int = await self._database.fetchval(_query("count", log), older_than_seconds)
        return count
