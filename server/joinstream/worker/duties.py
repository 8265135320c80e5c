"""Wires what a worker does beside executing runs: sweeps, and sending webhooks."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from joinstream.backends import Backends
from joinstream.domain.webhooks import signing_key
from joinstream.item_store.config import item_store_config
from joinstream.item_store.sweep import sweep_items
from joinstream.outgoing.webhooks import HttpWebhookSender
from joinstream.project import Project
from joinstream.project.webhooks import webhooks_config
from joinstream.settings import Settings, ThreadTtlConfig
from joinstream.store.log_retention import PostgresLogRetention
from joinstream.store.thread_sweeps import PostgresThreadSweeps
from joinstream.worker.maintenance import (
    ThreadRetention,
    sweep_rows_forever,
    sweep_runs_forever,
    sweep_threads_forever,
)
from joinstream.worker.webhooks import DeliveryLimits, WebhookDeliveries

LOG_SWEEP_SECONDS = 60.0


@asynccontextmanager
async def sweeping(settings: Settings, project: Project, backends: Backends) -> AsyncIterator[None]:
    """Sweep everything there is to sweep, each on its own clock."""
    sweeps = [asyncio.create_task(each) for each in _sweeps(settings, project, backends)]
    try:
        yield
    finally:
        for sweep in sweeps:
            sweep.cancel()


def _sweeps(
    settings: Settings, project: Project, backends: Backends
) -> list[Coroutine[Any, Any, None]]:
    ttl = settings.langgraph_thread_ttl or ThreadTtlConfig()
    retention = ThreadRetention(
        ttl.sweep_interval_minutes * 60, ttl.sweep_limit, settings.keep_checkpoints
    )
    threads = PostgresThreadSweeps(backends.pool, backends.checkpoints.saver_on)
    logs = PostgresLogRetention(backends.database)
    sweeps = [
        sweep_runs_forever(backends.runs, settings.temporary_run_retention_seconds),
        sweep_threads_forever(threads, retention),
    ]
    for log, seconds in settings.seconds_of_logs.items():
        if seconds is not None:
            remove = partial(logs.remove, log, seconds)
            sweeps.append(sweep_rows_forever(remove, LOG_SWEEP_SECONDS))
    items = item_store_config(project.config)
    if items.path is None:
        period = items.ttl.sweep_interval_minutes * 60
        sweeps.append(sweep_rows_forever(partial(sweep_items, backends.database), period))
    return sweeps


@asynccontextmanager
async def sending_webhooks(
    settings: Settings, project: Project, backends: Backends
) -> AsyncIterator[WebhookDeliveries]:
    config, secret = webhooks_config(project.config), settings.webhook_secret
    sender = HttpWebhookSender(
        config.url_policy(),
        config.sent_headers(),
        config.allowed_fields,
        signing_key(secret.get_secret_value()) if secret else None,
    )
    limits = DeliveryLimits(
        settings.webhook_attempts, settings.webhook_retry_seconds, settings.poll_seconds
    )
    deliveries = WebhookDeliveries(backends.stores.webhooks(), sender, limits)
    sending = asyncio.create_task(deliveries.run(), name="webhooks")
    try:
        yield deliveries
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await sender.close()
