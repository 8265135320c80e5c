"""The vault, with the caller's team for a tenant."""

from typing import Any

import vault  # type: ignore[import-not-found]  # beside this file
from langgraph_sdk.encryption import Encryption

encryption = Encryption()
encryption.encrypt.json(vault.encrypt_json)
encryption.decrypt.json(vault.decrypt_json)


@encryption.context
async def team(user: Any, ctx: Any) -> dict[str, Any]:
    return {**ctx.metadata, "tenant": user.team}
