"""The key-value store, which graphs reach by `get_store()`."""

from datetime import datetime
from typing import Any

from langgraph.store.base import Item
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from joinstream.http.respond import json_response, no_content
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.items import (
    ItemPut,
    ItemQuery,
    ItemRef,
    ItemSearch,
    NamespaceSearch,
)
from joinstream.http.services import services


class ItemOut(TypedDict):
    """An item, as it is answered."""

    namespace: list[str]
    key: str
    value: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class FoundItemOut(ItemOut):
    """`score` says how similar it is to the query; None without one."""

    score: float | None


class FoundItemsOut(TypedDict):
    items: list[FoundItemOut]


class NamespacesOut(TypedDict):
    namespaces: list[list[str]]


def _as_json(item: Item) -> ItemOut:
    return ItemOut(
        namespace=list(item.namespace),
        key=item.key,
        value=item.value,
        created_at=item.created_at,
        updated_at=item.updated_at,
    )


async def put_item(request: Request, body: ItemPut) -> Response:
    await services(request).items.put(
        tuple(body.namespace), body.key, body.value, index=body.index, ttl=body.ttl
    )
    return no_content()


async def get_item(request: Request, query: ItemQuery) -> Response:
    item = await services(request).items.get(
        tuple(query.namespace), query.key, refresh_ttl=query.refresh_ttl
    )
    return json_response(_as_json(item) if item is not None else None)


async def delete_item(request: Request, body: ItemRef) -> Response:
    await services(request).items.delete(tuple(body.namespace), body.key)
    return no_content()


async def search_items(request: Request, body: ItemSearch) -> Response:
    found = await services(request).items.search(
        tuple(body.namespace_prefix),
        query=body.query,
        filter=body.filter,
        limit=body.limit,
        offset=body.offset,
        refresh_ttl=body.refresh_ttl,
    )
    return json_response({"items": [{**_as_json(item), "score": item.score} for item in found]})


async def list_namespaces(request: Request, body: NamespaceSearch) -> Response:
    found = await services(request).items.namespaces(
        None if body.prefix is None else tuple(body.prefix),
        None if body.suffix is None else tuple(body.suffix),
        max_depth=body.max_depth,
        limit=body.limit,
        offset=body.offset,
    )
    return json_response({"namespaces": found})


routes: list[Route] = [
    operation_with_body(
        "PUT", "/store/items", put_item, body=ItemPut, status=204, summary="Put an item"
    ),
    operation(
        "GET",
        "/store/items",
        get_item,
        query=ItemQuery,
        returns=ItemOut | None,
        summary="Get an item; null when there is none",
    ),
    operation_with_body(
        "DELETE",
        "/store/items",
        delete_item,
        body=ItemRef,
        status=204,
        summary="Delete an item, whether there is one or not",
    ),
    operation_with_body(
        "POST",
        "/store/items/search",
        search_items,
        body=ItemSearch,
        returns=FoundItemsOut,
        summary="Search items by namespace, value and similarity",
    ),
    operation_with_body(
        "POST",
        "/store/namespaces",
        list_namespaces,
        body=NamespaceSearch,
        returns=NamespacesOut,
        summary="List namespaces",
    ),
]
