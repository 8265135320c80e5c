"""Sends the webhooks of runs that have ended. Every worker does; each takes what is due.

A webhook is sent at least once: a worker that dies before it has written down the answer leaves it
to be sent again. Receivers know repetitions by `webhook-id`.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass

import structlog

from joinstream.domain.run_record import Run
from joinstream.domain.webhooks import pause_after
from joinstream.errors import Unavailable
from joinstream.observe import metrics
from joinstream.ports.webhooks import DueWebhook, WebhookOutbox, WebhookSender

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 60.0
"""A webhook that a worker has taken is taken again after this: the worker has died."""

AT_ONCE = 16
"""Webhooks that one worker sends at a time; a slow receiver takes one of these places."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How often a webhook is tried; the pause after the first failure; how often to look."""

    most_attempts: int
    first_pause_seconds: float
    poll_seconds: float


class WebhookDeliveries:
    """Sends what is due until it is cancelled; at once when a run has ended in this process."""

    def __init__(
        self, outbox: WebhookOutbox, sender: WebhookSender, limits: DeliveryLimits
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._limits = limits
        self._woken = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    def run_ended(self, run: Run) -> None:
        if run.kwargs.get("webhook"):
            self._woken.set()

    async def run(self) -> None:
        try:
            while True:
                self._woken.clear()
                await self._take_what_is_due()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.poll_seconds):
                        await self._woken.wait()
        finally:
            for task in self._sending:
                task.cancel()

    async def _take_what_is_due(self) -> None:
        free = AT_ONCE - len(self._sending)
        if free <= 0:
            return
        try:
            due = await self._outbox.claim(free, PATIENCE_SECONDS)
        except Unavailable as error:
            log.warning("webhooks cannot be sent", error=error.reason)
            return
        except Exception:
            log.exception("webhooks cannot be sent")
            return
        for webhook in due:
            task = asyncio.create_task(self._send(webhook), name="webhook")
            self._sending.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._woken.set()

    async def _send(self, webhook: DueWebhook) -> None:
        about = {"run_id": webhook.run_id, "delivery_id": webhook.delivery_id}
        try:
            attempt = await self._sender.send(webhook)
            metrics.WEBHOOKS.labels("delivered" if attempt.delivered else "failed").inc()
            if attempt.delivered:
                await self._outbox.settle(webhook, attempt, "delivered", None)
            elif attempt.is_final or webhook.attempts >= self._limits.most_attempts:
                await self._outbox.settle(webhook, attempt, "failed", None)
                log.warning(
                    "webhook given up",
                    **about,
                    status_code=attempt.status_code,
                    error=attempt.error,
                )
            else:
                pause = pause_after(webhook.attempts, self._limits.first_pause_seconds)
                pause *= random.uniform(0.75, 1.25)
                await self._outbox.settle(webhook, attempt, "pending", pause)
        except Unavailable:
            log.warning("a webhook will be sent again: its answer cannot be written down", **about)
        except Exception:
            log.exception("a webhook failed; it is sent again", **about)
