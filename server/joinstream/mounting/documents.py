"""A FastAPI application's document beside the API's."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from joinstream.http.openapi_additions import Document
from joinstream.mounting.custom_app import CustomApp
from joinstream.mounting.mounted import NEVER_SHADOWED

log = structlog.get_logger(__name__)

_SCHEMAS = "#/components/schemas/"


def with_custom_routes(document: Document, custom: CustomApp, security: Sequence[Any]) -> Document:
    """The document with that of the app. Its routes go before the API's, and ask for `security`."""
    theirs = _document_of(custom)
    if theirs is None:
        return document
    theirs = _without_clashes(theirs, document["components"]["schemas"])
    paths = dict(document["paths"])
    for path, item in theirs.get("paths", {}).items():
        if path not in NEVER_SHADOWED:
            paths[path] = {**paths.get(path, {}), **_guarded(item, security)}
    components = _overlaid(document["components"], theirs.get("components", {}))
    merged = {**document, "paths": paths, "components": components}
    if tags := theirs.get("tags"):
        merged["tags"] = [*document.get("tags", []), *tags]
    return merged


def _document_of(custom: CustomApp) -> Document | None:
    """None when the app has no document, or hides it."""
    describe = getattr(custom.app, "openapi", None)
    if describe is None or not getattr(custom.app, "openapi_url", None):
        return None
    try:
        document: Document = describe()
    except Exception:
        log.exception("http.app cannot be described; /openapi.json lacks it", app=custom.target)
        return None
    return document


def _guarded(item: Mapping[str, Any], security: Sequence[Any]) -> dict[str, Any]:
    """A path's operations, each with the security that it does not state itself."""
    if not security:
        return dict(item)
    return {
        key: {"security": security, **value} if isinstance(value, Mapping) else value
        for key, value in item.items()
    }


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, with what is above where they differ; objects key by key."""
    both = dict(below)
    for key, value in above.items():
        old = both.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            both[key] = _overlaid(old, value)
        else:
            both[key] = value
    return both


def _without_clashes(theirs: Document, our_schemas: Mapping[str, Any]) -> Document:
    """Their document, with other names for schemas that are called as one of ours."""
    schemas = theirs.get("components", {}).get("schemas", {})
    names = {name: f"custom.{name}" for name in schemas if name in our_schemas}
    if not names:
        return theirs
    renamed: Document = _renamed(
        theirs, {f"{_SCHEMAS}{a}": f"{_SCHEMAS}{b}" for a, b in names.items()}
    )
    schemas = renamed["components"]["schemas"]
    schemas = {names.get(name, name): schema for name, schema in schemas.items()}
    return {**renamed, "components": {**renamed["components"], "schemas": schemas}}


def _renamed(value: Any, references: Mapping[str, str]) -> Any:
    """With other references, in `$ref` and wherever else they stand, such as in discriminators."""
    if isinstance(value, Mapping):
        return {key: _renamed(item, references) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, references) for item in value]
    return references.get(value, value) if isinstance(value, str) else value
