"""Webhooks: what is told to whom when a run ends, and how often it is tried."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from joinstream.domain.ids import RunId, ThreadId

DeliveryStatus = Literal["pending", "delivered", "failed"]

_GROWTH = 3
_LONGEST_PAUSE_SECONDS = 3600.0
_TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A webhook as its sender's owner sees it: to where, and what came of every attempt.

    `attempts` counts those since it was last asked for; `log` has all of them, oldest first, each
    `{at, status_code, error}`.
    """

    delivery_id: UUID
    run_id: RunId
    thread_id: ThreadId
    url: str
    status: DeliveryStatus
    attempts: int
    log: list[dict[str, Any]]
    created_at: datetime
    next_attempt: datetime | None


def pause_after(attempts: int, first_pause_seconds: float) -> float:
    """Seconds to wait after so many failures: three times longer each time, up to an hour."""
    pause = first_pause_seconds * _GROWTH ** min(attempts - 1, 20)
    return float(min(pause, _LONGEST_PAUSE_SECONDS))


def is_worth_another_try(status_code: int) -> bool:
    """Whether a receiver that answers so may answer otherwise later."""
    return status_code >= 500 or status_code in _TRY_AGAIN


def signature(secret: bytes, delivery_id: UUID, sent_at: datetime, body: bytes) -> str:
    """`webhook-signature` as the Standard Webhooks specification has it."""
    signed = b".".join((str(delivery_id).encode(), str(int(sent_at.timestamp())).encode(), body))
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def signing_key(secret: str) -> bytes:
    """The key behind a secret: base64 after `whsec_`, else the text itself. Raises ValueError."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValueError("what follows whsec_ must be base64") from None
