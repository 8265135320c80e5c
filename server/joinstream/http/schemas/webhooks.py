"""Bodies of the webhook routes."""

from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.webhooks import DeliveryStatus
from joinstream.http.schemas.base import Body, Id, Limit, Offset
from joinstream.ports.webhooks import DeliveryFilter


class DeliverySearch(Body):
    """One page of the matching deliveries; all that is given must hold."""

    run_id: Id | None = None
    thread_id: Id | None = None
    status: DeliveryStatus | None = None
    limit: Limit = 10
    offset: Offset = 0

    def wanted(self) -> DeliveryFilter:
        return DeliveryFilter(
            RunId(self.run_id) if self.run_id else None,
            ThreadId(self.thread_id) if self.thread_id else None,
            self.status,
        )
