"""The OpenAPI 3.1 document, made of what the routes declare."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from joinstream import __version__
from joinstream.http.routing import ApiRoute, Operation, leaf_routes

_REF = "#/components/schemas/{model}"
_PATH_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_ERROR = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}

Described = tuple[str, Operation]
"""A path and what is done there."""


def openapi_document(routes: Iterable[BaseRoute], server: str) -> dict[str, Any]:
    """Describe every route made with `operation`; `server` is the path all others start with."""
    operations = [
        (route.path, route.operation)
        for route in leaf_routes(routes)
        if isinstance(route, ApiRoute)
    ]
    schemas, definitions = _schemas(operations)
    paths: dict[str, Any] = {}
    for path, operation in operations:
        described = paths.setdefault(_PATH_PARAMETER.sub(r"{\1}", path), {})
        described[operation.method.lower()] = _operation(path, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "joinstream",
            "version": __version__,
            "description": "Durable LangGraph runs, with streams to leave and rejoin.",
        },
        "servers": [{"url": server or "/"}],
        "paths": paths,
        "components": {"schemas": {**definitions, "Error": _ERROR}},
    }


def _schemas(operations: list[Described]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Schemas by (type's id, direction), and the definitions they refer to."""
    wanted: dict[tuple[int, str], Any] = {}
    for _, operation in operations:
        for given in (operation.body, *operation.query.values()):
            if given is not None:
                wanted[id(given), "validation"] = given
        if operation.returns is not None:
            wanted[id(operation.returns), "serialization"] = operation.returns
    schemas, definitions = TypeAdapter.json_schemas(
        [(key, key[1], TypeAdapter(type_)) for key, type_ in wanted.items()],  # type: ignore[misc]  # the mode is one of the two
        ref_template=_REF,
    )
    return {key: schema for (key, _), schema in schemas.items()}, definitions.get("$defs", {})


def _operation(path: str, operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _slug(operation.method, path),
        "summary": operation.summary,
        "tags": [_tag(path)],
        "parameters": [*_path_parameters(path), *_query_parameters(operation, schemas)],
        "responses": {
            str(operation.status): _answer(operation, schemas),
            "4XX": {
                "description": "The request cannot be carried out; `detail` says why",
                "content": _json({"$ref": _REF.format(model="Error")}),
            },
        },
    }
    if operation.body is not None:
        schema = schemas[id(operation.body), "validation"]
        described["requestBody"] = {"required": True, "content": _json(schema)}
    return described


def _answer(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    if operation.returns is None and operation.content == "application/json":
        return {"description": "Done"}
    schema = schemas[id(operation.returns), "serialization"] if operation.returns else {}
    return {"description": "Done", "content": {operation.content: {"schema": schema}}}


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in _PATH_PARAMETER.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(operation: Operation, schemas: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    for name, type_ in operation.query.items():
        yield {"name": name, "in": "query", "schema": schemas[id(type_), "validation"]}


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _slug(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


def _tag(path: str) -> str:
    segments = path.strip("/").split("/")
    if "runs" in segments:
        return "crons" if "crons" in segments else "runs"
    return segments[0] if len(segments) > 1 or segments[0] in _RESOURCES else "system"


_RESOURCES = ("assistants", "threads", "store", "mcp", "a2a")
