"""The versions of the protocol: four that begin with a handshake, and one that needs none, because
each request says all there is to know.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from joinstream.http.json_rpc import INVALID_PARAMS
from joinstream.mcp_api.wire import HEADER_MISMATCH

WITH_HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STATELESS = "2026-07-28"
KNOWN = (*WITH_HANDSHAKE, STATELESS)

_UNSAID = "2025-03-26"
"""The version of clients that do not say it: later ones must."""
_FIRST_WITH_STRUCTURE = "2025-06-18"
_META = "io.modelcontextprotocol/"


def version_of(request: Request) -> str:
    return request.headers.get("mcp-protocol-version", _UNSAID)


def knows_structure(version: str) -> bool:
    """Whether the result of a call may hold an object."""
    return version >= _FIRST_WITH_STRUCTURE


def completed(version: str, result: Mapping[str, Any], **cached: Any) -> dict[str, Any]:
    """The result in the version's shape; `cached` says for how long and for whom it counts."""
    return {**result, "resultType": "complete", **cached} if version == STATELESS else {**result}


def disagreement(
    request: Request, method: str, params: Mapping[str, Any]
) -> tuple[int, str] | None:
    """Why a request of the stateless version cannot be taken, as code and message.

    Its headers are for what stands between, which does not read bodies: so both must say the same.
    """
    meta = params.get("_meta")
    said = meta if isinstance(meta, dict) else {}
    for key in ("protocolVersion", "clientCapabilities"):
        if _META + key not in said:
            return INVALID_PARAMS, f"params._meta: needs {_META}{key}."
    expected = {"mcp-protocol-version": said[f"{_META}protocolVersion"], "mcp-method": method}
    if method == "tools/call" and isinstance(params.get("name"), str):
        expected["mcp-name"] = params["name"]
    for name, value in expected.items():
        if request.headers.get(name) != value:
            return HEADER_MISMATCH, f"The header {name} must say what the message says: {value!r}."
    return None
