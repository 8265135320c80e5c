"""`input_schema`, `output_schema`, `config_schema`: what a graph takes and gives."""

from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from joinstream.http.header_selection import for_graphs
from joinstream.http.respond import json_response
from joinstream.http.schemas.base import RunnableConfigBody
from joinstream.http.services import services
from joinstream.langserve_api.asking import assistant_of

_CONFIG = TypeAdapter(RunnableConfigBody)


async def input_schema(request: Request) -> Response:
    return json_response((await _schemas(request))["input_schema"] or {})


async def output_schema(request: Request) -> Response:
    return json_response((await _schemas(request))["output_schema"] or {})


async def config_schema(request: Request) -> Response:
    schemas = await _schemas(request)
    configurable = dict(schemas["context_schema"] or schemas["config_schema"] or {})
    shape = _CONFIG.json_schema()
    definitions = {**shape.pop("$defs", {}), **configurable.pop("$defs", {})}
    properties = {**shape["properties"], "configurable": configurable or {"type": "object"}}
    whole = {"title": "Config", "type": "object", "properties": properties}
    return json_response({**whole, "$defs": definitions} if definitions else whole)


async def _schemas(request: Request) -> dict[str, Any]:
    assistant = await assistant_of(request)
    return await services(request).assistant_graphs.schemas(assistant, for_graphs(request))
