"""Projects that encrypt, and what is to be secret in them."""

import base64
import json
from typing import Any

import pytest

from tests.support.api import TEST_GRAPHS, VAULT, Api

SECRET = "the treasure lies under the oak"
OTHER = "the map hangs in the hall"
AES_KEY = "0123456789abcdef"
AES: dict[str, Any] = {
    "config": TEST_GRAPHS,
    "langgraph_aes_key": AES_KEY,
    "langgraph_aes_json_keys": "secret,text,topic,draft,message,resume",
}
HANDLERS: dict[str, Any] = {"config": VAULT}
EITHER = pytest.mark.parametrize("encrypted", [HANDLERS, AES], ids=["handlers", "aes"])


def in_context(**context: str) -> dict[str, str]:
    return {"X-Encryption-Context": base64.b64encode(json.dumps(context).encode()).decode()}


def sdk(api: Api) -> Any:
    """The official client, whose answers hold more than its types say."""
    return api.client
