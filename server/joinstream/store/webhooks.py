"""Webhooks in Postgres: the implementation of WebhookOutbox and WebhookLog."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from joinstream.domain.access import Filter
from joinstream.domain.webhooks import DeliveryStatus, WebhookDelivery
from joinstream.ports.webhooks import Attempt, DeliveryFilter, DueWebhook
from joinstream.sql import load_queries
from joinstream.store.database import Database
from joinstream.store.key_order import in_key_order

_QUERIES = load_queries(Path(__file__).parent / "queries" / "webhooks.sql")
_FIELDS = tuple(WebhookDelivery.__dataclass_fields__)


def _matching(query: str) -> str:
    return _QUERIES[query].replace("{matching}", _QUERIES["matching"])


def _delivery(row: asyncpg.Record) -> WebhookDelivery:
    return WebhookDelivery(**{name: row[name] for name in _FIELDS})


def _due(row: asyncpg.Record) -> DueWebhook:
    due = DueWebhook(**row)
    if "kwargs" not in due.payload:
        return due
    kwargs = in_key_order(due.payload["kwargs"])
    return replace(due, payload={**due.payload, "kwargs": kwargs})


def _criteria(wanted: DeliveryFilter) -> tuple[Any, ...]:
    return (wanted.run_id, wanted.thread_id, wanted.status, wanted.visible)


class PostgresWebhooks:
    """The outbox in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, limit: int, patience_seconds: float) -> list[DueWebhook]:
        rows = await self._database.fetch(_QUERIES["claim"], limit, patience_seconds)
        return [_due(row) for row in rows]

    async def settle(
        self,
        webhook: DueWebhook,
        attempt: Attempt,
        status: DeliveryStatus,
        pause_seconds: float | None,
    ) -> None:
        await self._database.execute(
            _QUERIES["settle"],
            webhook.delivery_id,
            webhook.attempts,
            status,
            attempt.status_code,
            attempt.error,
            pause_seconds,
        )

    async def get(self, delivery_id: UUID, visible: Filter) -> WebhookDelivery | None:
        row = await self._database.fetchrow(_QUERIES["get"], delivery_id, visible)
        return _delivery(row) if row else None

    async def search(
        self, wanted: DeliveryFilter, *, limit: int, offset: int
    ) -> list[WebhookDelivery]:
        rows = await self._database.fetch(_matching("search"), *_criteria(wanted), limit, offset)
        return [_delivery(row) for row in rows]

    async def count(self, wanted: DeliveryFilter) -> int:
        count: int = await self._database.fetchval(_matching("count"), *_criteria(wanted))
        return count

    async def send_again(self, delivery_id: UUID, visible: Filter) -> WebhookDelivery | None:
        row = await self._database.fetchrow(_QUERIES["send_again"], delivery_id, visible)
        return _delivery(row) if row else None
