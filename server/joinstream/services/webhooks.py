"""The log of webhooks: what was told to whom, and telling it again."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from joinstream.domain.access import Filter
from joinstream.domain.webhook_urls import UrlPolicy, UrlRefused
from joinstream.domain.webhooks import WebhookDelivery
from joinstream.errors import NotFound, Unprocessable
from joinstream.ports.access import Access, Action
from joinstream.ports.webhooks import DeliveryFilter, WebhookLog


class Webhooks:
    """Who may read a run may see its webhooks; who may update its thread may send them again."""

    def __init__(self, webhooks: WebhookLog, access: Access) -> None:
        self._webhooks = webhooks
        self._access = access

    async def search(
        self, wanted: DeliveryFilter, *, limit: int, offset: int
    ) -> tuple[list[WebhookDelivery], int]:
        """A page, newest first, and the number of all matches."""
        asked: dict[str, Any] = {"metadata": {}, "limit": limit, "offset": offset}
        visible = await self._access.authorize("threads", "search", asked)
        wanted = replace(wanted, visible=visible)
        page = await self._webhooks.search(wanted, limit=limit, offset=offset)
        return page, await self._webhooks.count(wanted)

    async def get(self, delivery_id: UUID) -> WebhookDelivery:
        """Raises NotFound."""
        visible = await self._visible(delivery_id, "read")
        return _found(await self._webhooks.get(delivery_id, visible), delivery_id)

    async def send_again(self, delivery_id: UUID) -> WebhookDelivery:
        """Send it now, once more, with all its attempts before it. Raises NotFound."""
        visible = await self._visible(delivery_id, "update")
        return _found(await self._webhooks.send_again(delivery_id, visible), delivery_id)

    async def _visible(self, delivery_id: UUID, action: Action) -> Filter:
        asked = {"delivery_id": delivery_id, "metadata": {}}
        return await self._access.authorize("threads", action, asked)


def check_webhook(url: str | None, policy: UrlPolicy | None) -> None:
    """Raises Unprocessable for a URL that no webhook may be sent to; without a policy, none is."""
    if url is None or policy is None:
        return
    try:
        policy.check(url)
    except UrlRefused as error:
        raise Unprocessable(f"webhook: {error}.") from None


def _found(delivery: WebhookDelivery | None, delivery_id: UUID) -> WebhookDelivery:
    if delivery is None:
        raise NotFound(f"Webhook delivery {delivery_id} does not exist.")
    return delivery
