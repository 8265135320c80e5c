"""Items of the key-value store, as clients reach them.

Handlers of `store` actions may rewrite `value["namespace"]`, and say by that whose items are whose.
Items have no metadata that a filter could be applied to, so a handler that answers with a filter
has not said whose they are: it is refused, unless actions without a handler are allowed as well.
"""

from typing import Any

from langgraph.store.base import BaseStore, Item, SearchItem

from joinstream.errors import AuthFailed, Forbidden, Unprocessable
from joinstream.ports.access import Access, Action

Namespace = tuple[str, ...]


class Items:
    """Every use case of items. Each raises Forbidden when a handler says no."""

    def __init__(self, store: BaseStore, access: Access, *, filters_are_ignored: bool) -> None:
        self._store = store
        self._access = access
        self._filters_are_ignored = filters_are_ignored

    async def put(
        self,
        namespace: Namespace,
        key: str,
        value: dict[str, Any],
        *,
        index: bool | list[str] | None,
        ttl: float | None,
    ) -> None:
        """`index` False keeps the item out of semantic search, None is the store's own setting.

        `ttl` is in minutes, None the store's default. Raises Unprocessable for a namespace that
        cannot be.
        """
        asked: dict[str, Any] = {
            "namespace": namespace,
            "key": key,
            "value": value,
            "index": index,
            "ttl": ttl,
        }
        namespace = await self._allowed("put", asked)
        options: dict[str, Any] = {} if ttl is None else {"ttl": ttl}
        fields = None if index is True or index is None else index
        await self._store.aput(
            _writable(namespace), asked["key"], asked["value"], index=fields, **options
        )

    async def get(self, namespace: Namespace, key: str, *, refresh_ttl: bool | None) -> Item | None:
        asked: dict[str, Any] = {"namespace": namespace, "key": key}
        namespace = await self._allowed("get", asked)
        return await self._store.aget(namespace, asked["key"], refresh_ttl=refresh_ttl)

    async def delete(self, namespace: Namespace, key: str) -> None:
        asked: dict[str, Any] = {"namespace": namespace, "key": key}
        namespace = await self._allowed("delete", asked)
        await self._store.adelete(namespace, asked["key"])

    async def search(
        self,
        prefix: Namespace,
        *,
        query: str | None,
        filter: dict[str, Any] | None,
        limit: int,
        offset: int,
        refresh_ttl: bool | None,
    ) -> list[SearchItem]:
        """Items in and below the prefix. Raises Unprocessable for an operator that is none."""
        asked: dict[str, Any] = {
            "namespace": prefix,
            "filter": filter,
            "limit": limit,
            "offset": offset,
            "query": query,
        }
        prefix = await self._allowed("search", asked)
        try:
            return await self._store.asearch(
                prefix,
                query=query,
                filter=asked["filter"],
                limit=limit,
                offset=offset,
                refresh_ttl=refresh_ttl,
            )
        except ValueError as error:
            raise Unprocessable(f"filter: {error}.") from error

    async def namespaces(
        self,
        prefix: Namespace | None,
        suffix: Namespace | None,
        *,
        max_depth: int | None,
        limit: int,
        offset: int,
    ) -> list[Namespace]:
        asked: dict[str, Any] = {
            "namespace": prefix,
            "suffix": suffix,
            "max_depth": max_depth,
            "limit": limit,
            "offset": offset,
        }
        prefix = await self._allowed("list_namespaces", asked)
        return await self._store.alist_namespaces(
            prefix=prefix or None, suffix=suffix, max_depth=max_depth, limit=limit, offset=offset
        )

    async def _allowed(self, action: Action, asked: dict[str, Any]) -> Namespace:
        """The namespace that the caller may do this in."""
        filter = await self._access.authorize("store", action, asked)
        if filter is not None and not self._filters_are_ignored:
            raise Forbidden(
                f"The auth handler of store.{action} answered with a filter, and items have no "
                'metadata to filter by: let it rewrite value["namespace"] and return None.'
            )
        namespace = tuple(asked["namespace"] or ())
        _require_labels(namespace, action)
        return namespace


def _require_labels(namespace: tuple[Any, ...], action: Action) -> None:
    """Raises AuthFailed for what only a handler can have put there: the store tells labels apart by
    dots, so that with one in a label, two users' namespaces may be the same."""
    for label in namespace:
        if not isinstance(label, str) or not label or "." in label:
            raise AuthFailed(
                f"The auth handler of store.{action} put the label {label!r} into the namespace. "
                "Labels are text that is not empty and has no dot; of an identity with dots, take "
                "identity.encode().hex()."
            )


def _writable(namespace: Namespace) -> Namespace:
    if namespace[:1] == ("langgraph",):
        raise Unprocessable("namespace: its first label must not be langgraph, which is reserved.")
    return namespace
