"""Sends one webhook, signed as the Standard Webhooks specification has it."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import httpx

from joinstream import __version__
from joinstream.domain.webhook_urls import UrlPolicy
from joinstream.domain.webhooks import is_worth_another_try, signature
from joinstream.encoding import dumps
from joinstream.outgoing.guarded import GuardedPoster, RefusedByPolicy
from joinstream.ports.webhooks import Attempt, DueWebhook

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 30.0


class HttpWebhookSender:
    """The implementation of WebhookSender.

    `headers` go with every webhook; `fields` are the payload's keys that are sent, None: all.
    Without a `key` webhooks are not signed.
    """

    def __init__(
        self,
        policy: UrlPolicy,
        headers: Mapping[str, str],
        fields: Collection[str] | None,
        key: bytes | None,
    ) -> None:
        timeout = httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS)
        self._poster = GuardedPoster(policy, timeout, headers)
        self._fields = fields
        self._key = key

    async def close(self) -> None:
        await self._poster.close()

    async def send(self, webhook: DueWebhook) -> Attempt:
        now = datetime.now(UTC)
        body = self._body(webhook, now)
        headers = self._headers(webhook, now, body)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                status = await self._poster.post(webhook.url, body, headers)
        except RefusedByPolicy as error:
            return Attempt(error=str(error), is_final=True)
        except TimeoutError:
            return Attempt(error=f"no answer within {REQUEST_SECONDS:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Attempt(error=f"{type(error).__name__}: {error}")
        delivered = 200 <= status < 300
        return Attempt(
            status_code=status,
            delivered=delivered,
            is_final=delivered or not is_worth_another_try(status),
        )

    def _body(self, webhook: DueWebhook, now: datetime) -> bytes:
        payload = {**webhook.payload, "webhook_sent_at": now}
        if self._fields is not None:
            payload = {name: payload[name] for name in self._fields if name in payload}
        return dumps(payload)

    def _headers(self, webhook: DueWebhook, now: datetime, body: bytes) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": f"joinstream/{__version__}",
            "webhook-id": str(webhook.delivery_id),
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, webhook.delivery_id, now, body)
        return headers
