"""The OpenAPI 3.1 document, made of what the routes declare."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter
from starlette.routing import BaseRoute

from joinstream import __version__
from joinstream.http.refusals import (
    ERROR_SCHEMA,
    described_headers,
    refusal_components,
    refusals_of,
)
from joinstream.http.routing import NO_UUIDS, ApiRoute, Operation, leaf_routes
from joinstream.http.schemas.base import Query

_REF = "#/components/schemas/{model}"
_PATH_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_UUID = {"type": "string", "format": "uuid"}
Described = tuple[str, Operation]
"""A path and what is done there."""


def openapi_document(routes: Iterable[BaseRoute], server: str) -> dict[str, Any]:
    """Describe every route made with `operation`; `server` is the path all others start with."""
    operations = [
        (route.path, route.operation)
        for route in leaf_routes(routes)
        if isinstance(route, ApiRoute)
    ]
    schemas = _Schemas(operations)
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
        "components": {
            "schemas": {**schemas.definitions, "Error": ERROR_SCHEMA},
            "responses": refusal_components(),
        },
    }


class _Schemas:
    """The schemas of all bodies and answers, and the definitions these refer to."""

    def __init__(self, operations: list[Described]) -> None:
        wanted: dict[tuple[int, str], Any] = {}
        for _, operation in operations:
            if operation.body is not None:
                wanted[id(operation.body), "validation"] = operation.body
            others = (*operation.or_else.values(), *operation.or_as.values(), operation.refusal)
            for answered in (operation.returns, *others):
                if answered is not None:
                    wanted[id(answered), "serialization"] = answered
        schemas, definitions = TypeAdapter.json_schemas(
            [(key, key[1], TypeAdapter(type_)) for key, type_ in wanted.items()],  # type: ignore[misc]  # the mode is one of the two
            ref_template=_REF,
        )
        self._by_type = {key: schema for (key, _), schema in schemas.items()}
        self.definitions: dict[str, Any] = definitions.get("$defs", {})

    def of_body(self, body: type[BaseModel]) -> Any:
        return self._by_type[id(body), "validation"]

    def of_answer(self, returned: Any, *, selected: bool) -> Any:
        """`selected`: the client may have named the fields it wants."""
        schema = self._by_type[id(returned), "serialization"]
        return self._part_of(schema) if selected else schema

    def of_refusal(self, refusal: Any) -> Any:
        """None for the usual one."""
        return refusal and self._by_type[id(refusal), "serialization"]

    def _part_of(self, schema: Any) -> Any:
        """The same, of objects that need not have all their fields."""
        if "items" in schema:
            return {**schema, "items": self._part_of(schema["items"])}
        whole = schema["$ref"].rpartition("/")[2]
        part = f"{whole}Part"
        fields = {key: value for key, value in self.definitions[whole].items() if key != "required"}
        self.definitions[part] = {**fields, "title": part}
        return {"$ref": _REF.format(model=part)}


def _operation(path: str, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    in_path = list(_path_parameters(path))
    described: dict[str, Any] = {
        "operationId": _slug(operation.method, path),
        "summary": operation.summary,
        "tags": [_tag(path)],
        "parameters": [
            *in_path,
            *_query_parameters(operation.query),
            *(header.as_parameter() for header in operation.takes),
        ],
        "responses": {
            **_answers(operation, schemas),
            **refusals_of(
                operation,
                has_path_parameters=bool(in_path),
                body=schemas.of_refusal(operation.refusal),
            ),
        },
    }
    if operation.body is not None:
        content = {"application/json": {"schema": schemas.of_body(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _answers(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    """What is answered to requests that are carried out, by status."""
    selected = any(
        "select" in given.model_fields for given in (operation.body, operation.query) if given
    )
    answers: dict[str, Any] = {}
    for status, returned in {operation.status: operation.returns, **operation.or_else}.items():
        answer: dict[str, Any] = {"description": "Done"}
        if returned is not None:
            schema = schemas.of_answer(returned, selected=selected)
            answer["content"] = {operation.content: {"schema": schema}}
        elif operation.content != "application/json":
            answer["content"] = {operation.content: {"schema": {"type": "string"}}}
        for content, type_ in operation.or_as.items() if status == operation.status else ():
            answer["content"][content] = {"schema": schemas.of_answer(type_, selected=False)}
        if operation.gives:
            answer["headers"] = described_headers(operation.gives)
        answers[str(status)] = answer
    return answers


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in _PATH_PARAMETER.findall(path):
        parameter = {"name": name, "in": "path", "required": True}
        if name in NO_UUIDS:
            yield {**parameter, "description": NO_UUIDS[name], "schema": {"type": "string"}}
        else:
            yield {**parameter, "schema": _UUID}


def _query_parameters(query: type[Query] | None) -> Iterator[dict[str, Any]]:
    properties = query.model_json_schema()["properties"] if query else {}
    for name, schema in properties.items():
        yield {
            "name": name,
            "in": "query",
            "allowEmptyValue": True,
            "schema": _without_null(schema),
        }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no way to say null, other than not to say anything."""
    if "anyOf" not in schema:
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**kinds[0], **rest} if len(kinds) == 1 else {**rest, "anyOf": kinds}


def _slug(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


def _tag(path: str) -> str:
    segments = path.strip("/").split("/")
    if segments[0] == ".well-known":
        return "a2a"
    if "runs" in segments:
        return "crons" if "crons" in segments else "runs"
    return segments[0] if len(segments) > 1 or segments[0] in _RESOURCES else "system"


_RESOURCES = ("assistants", "threads", "store", "mcp", "a2a")
