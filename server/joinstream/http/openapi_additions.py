"""What one installation adds to the API document: its graphs and its auth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joinstream.http.headers import Header

Document = dict[str, Any]
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


@dataclass(frozen=True, slots=True)
class DocumentedAuth:
    """How callers say who they are, in OpenAPI's terms. `paths` add to what routes say of it."""

    schemes: Mapping[str, Any] = field(default_factory=dict)
    security: Sequence[Mapping[str, Sequence[str]]] = ()
    paths: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Additions:
    """What is true of one server alone. `headers` are read of every request that has a caller."""

    graph_ids: Sequence[str] = ()
    auth: DocumentedAuth = DocumentedAuth()
    headers: Sequence[Header] = ()

    def to(self, document: Document) -> Document:
        _name_graphs(document, list(self.graph_ids))
        _tell_auth(document, self.auth)
        _tell_headers(document, [header.as_parameter() for header in self.headers])
        return document


def _name_graphs(document: Document, graph_ids: list[str]) -> None:
    """Say which graphs there are wherever a request names one."""
    graph = {"type": "string", "enum": graph_ids}
    graph_or_uuid = {"anyOf": [{"type": "string", "format": "uuid"}, graph]}
    for operation in _operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and parameter["name"] in ("assistant_id", "graph"):
                parameter["schema"] = graph_or_uuid
        fields = _fields_of_body(document, operation)
        for name, schema in (("graph_id", graph), ("assistant_id", graph_or_uuid)):
            if _is_any_text(fields.get(name, {})):
                fields[name] = _narrowed(fields[name], schema)


def _fields_of_body(document: Document, operation: Document) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    while "$ref" in schema or "items" in schema:
        if "items" in schema:
            schema = schema["items"]
        else:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    fields: dict[str, Any] = schema.get("properties", {})
    return fields


def _is_any_text(schema: Document) -> bool:
    return any(
        kind.get("type") == "string" and not kind.keys() & {"enum", "format"}
        for kind in schema.get("anyOf", [schema])
    )


def _narrowed(schema: Document, text: Document) -> Document:
    """The same, of texts that are this."""
    about = {key: value for key, value in schema.items() if key in ("title", "default")}
    null = [kind for kind in schema.get("anyOf", []) if kind == {"type": "null"}]
    return {**about, "anyOf": [*text.get("anyOf", [text]), *null]}


def _tell_auth(document: Document, auth: DocumentedAuth) -> None:
    if auth.schemes:
        document["components"]["securitySchemes"] = dict(auth.schemes)
    if auth.security:
        for operation in _operations(document):
            if "401" in operation["responses"]:
                operation["security"] = [dict(each) for each in auth.security]
    for path, methods in auth.paths.items():
        for method, about in methods.items():
            document["paths"].setdefault(path, {}).setdefault(method, {}).update(about)


def _tell_headers(document: Document, parameters: list[Document]) -> None:
    for operation in _operations(document) if parameters else ():
        refusals = operation["responses"]
        if "401" in refusals:
            operation["parameters"] = [*operation.get("parameters", []), *parameters]
            refusals.setdefault("422", {**refusals["401"], "description": "A header is malformed"})


def _operations(document: Document) -> Iterator[Document]:
    for methods in document["paths"].values():
        yield from (about for method, about in methods.items() if method in _METHODS)
