"""The outbox of webhooks with encrypted payloads, which it has from runs and threads."""

import asyncio
from dataclasses import replace

import structlog

from joinstream.encryption.fields import FieldCipher, Model
from joinstream.errors import EncryptionFailed, HandlerFailed
from joinstream.ports.webhooks import Attempt, DueWebhook
from joinstream.store.database import Database
from joinstream.store.encrypted.runs import HANDLER_TRIES
from joinstream.store.webhooks import PostgresWebhooks

log = structlog.get_logger(__name__)

_ENCRYPTED: dict[str, Model] = {
    "metadata": "run",
    "kwargs": "run",
    "error": "run",
    "values": "thread",
}


class EncryptedWebhooks(PostgresWebhooks):
    """The outbox in Postgres."""

    def __init__(self, database: Database, fields: FieldCipher) -> None:
        super().__init__(database)
        self._fields = fields

    async def claim(self, limit: int, patience_seconds: float) -> list[DueWebhook]:
        """Those that cannot be opened have failed, and can be sent again. A handler that failed is
        asked again when the webhook is due again."""
        due = await super().claim(limit, patience_seconds)
        opened = await asyncio.gather(*map(self._opened, due))
        return [webhook for webhook in opened if webhook is not None]

    async def _opened(self, webhook: DueWebhook) -> DueWebhook | None:
        names = [name for name in _ENCRYPTED if name in webhook.payload]
        try:
            opened = await asyncio.gather(
                *(self._fields.open(_ENCRYPTED[n], n, webhook.payload[n]) for n in names)
            )
        except Exception as error:
            log.error("a webhook cannot be decrypted", run_id=webhook.run_id, exc_info=error)
            if isinstance(error, HandlerFailed) and webhook.attempts < HANDLER_TRIES:
                return None
            attempt = Attempt(error=f"{EncryptionFailed.__name__}: {error}")
            await self.settle(webhook, attempt, "failed", None)
            return None
        payload = {**webhook.payload, **dict(zip(names, opened, strict=True))}
        return replace(webhook, payload=payload)
