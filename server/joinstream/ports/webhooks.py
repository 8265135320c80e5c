"""The outbox of webhooks."""

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from joinstream.domain.access import Filter
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.webhooks import DeliveryStatus, WebhookDelivery


@dataclass(frozen=True, slots=True)
class DueWebhook:
    """A webhook that is to be sent now. `attempts` counts this attempt too."""

    delivery_id: UUID
    run_id: RunId
    url: str
    payload: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending: the answer's status, or why there was none.

    `is_final`: another attempt would do no better.
    """

    status_code: int | None = None
    error: str | None = None
    delivered: bool = False
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """All that is given must hold; `visible` is what the caller may see."""

    run_id: RunId | None = None
    thread_id: ThreadId | None = None
    status: DeliveryStatus | None = None
    visible: Filter = None


class WebhookSender(Protocol):
    """Makes one attempt; never raises for what a receiver does."""

    async def send(self, webhook: DueWebhook) -> Attempt: ...


class WebhookOutbox(Protocol):
    """What is to be sent."""

    async def claim(self, limit: int, patience_seconds: float) -> list[DueWebhook]:
        """Take webhooks that are due. They are due again after the patience, if not settled."""
        ...

    async def settle(
        self,
        webhook: DueWebhook,
        attempt: Attempt,
        status: DeliveryStatus,
        pause_seconds: float | None,
    ) -> None:
        """Write down what came of an attempt, and when the next one is, if any."""
        ...


class WebhookLog(Protocol):
    """What clients see. A delivery that is not `visible` is as if it did not exist."""

    async def get(self, delivery_id: UUID, visible: Filter) -> WebhookDelivery | None: ...

    async def search(
        self, wanted: DeliveryFilter, *, limit: int, offset: int
    ) -> list[WebhookDelivery]:
        """Newest first."""
        ...

    async def count(self, wanted: DeliveryFilter) -> int: ...

    async def send_again(self, delivery_id: UUID, visible: Filter) -> WebhookDelivery | None:
        """Make it due now, with all its attempts before it."""
        ...
