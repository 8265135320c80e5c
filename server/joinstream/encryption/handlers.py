"""Calls the handlers of a project's `Encryption` object.

They run on a thread and event loop of their own, one for the process, so that they can keep
connections open whichever loop asks.
"""

import asyncio
from collections.abc import Coroutine
from functools import cache
from threading import Thread
from typing import Any, Literal, TypeVar

from langgraph_sdk.auth.exceptions import HTTPException as AuthRefusal
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import DecryptResult
from starlette.exceptions import HTTPException

from joinstream.errors import HandlerFailed, StartupError

T = TypeVar("T")
Kind = Literal["blob", "json"]

HANDLER_SECONDS = 30.0
"""How long a handler may take for one value."""


def has_handlers(encryption: Encryption, kind: Kind) -> bool:
    """Whether both handlers of a kind are there. Raises StartupError when only one is."""
    # The SDK has getters for the JSON handlers only.
    pair = {
        "blob": (encryption._blob_encryptor, encryption._blob_decryptor),
        "json": (encryption._json_encryptor, encryption._json_decryptor),
    }
    encryptor, decryptor = pair[kind]
    if (encryptor is None) != (decryptor is None):
        missing = "encrypt" if encryptor is None else "decrypt"
        what = {"blob": "checkpoints need", "json": "JSON fields need"}[kind]
        raise StartupError(
            f"encryption: there is no @encryption.{missing}.{kind} handler; {what} one for "
            "encrypting and one for decrypting."
        )
    return encryptor is not None


def plaintext_of(answer: T | DecryptResult[T]) -> T:
    """What a handler has decrypted. A replacement that it offers is not stored."""
    return answer.plaintext if isinstance(answer, DecryptResult) else answer


async def called(work: Coroutine[Any, Any, T], what: str) -> T:
    """What a handler answers. `what` names its failure: "A field could not be encrypted".

    Raises HandlerFailed; a refusal with an HTTP status passes as it is.
    """
    future = asyncio.run_coroutine_threadsafe(work, _handlers_loop())
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), HANDLER_SECONDS)
    except Exception as error:
        raise _explained(error, what) from error


def called_from_thread(work: Coroutine[Any, Any, T], what: str) -> T:
    """As `called`, and whoever calls waits."""
    future = asyncio.run_coroutine_threadsafe(work, _handlers_loop())
    try:
        return future.result(HANDLER_SECONDS)
    except Exception as error:
        future.cancel()
        raise _explained(error, what) from error


def _explained(error: Exception, what: str) -> Exception:
    if isinstance(error, HTTPException | AuthRefusal):
        return error
    reason = str(error) or f"no answer in {HANDLER_SECONDS:g} s"
    return HandlerFailed(f"{what} by the project's handler: {type(error).__name__}: {reason}")


@cache
def _handlers_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="encryption handlers", daemon=True).start()
    return loop
