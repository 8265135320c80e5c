"""Bodies and queries of the store's routes."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from joinstream.domain.threads import MAX_TTL_MINUTES
from joinstream.http.schemas.base import Body, Limit, Object, Offset, Query


def _label(label: str) -> str:
    if "." in label:
        raise ValueError("must not contain a dot, which separates labels")
    return label


Label = Annotated[str, Field(min_length=1), AfterValidator(_label)]
Namespace = Annotated[list[Label], Field(min_length=1)]
Prefix = list[Label]
Key = Annotated[str, Field(min_length=1)]


def _by_dots(given: Any) -> Any:
    """`a.b` in a query is the namespace a, b."""
    if isinstance(given, list):
        return [label for text in given for label in str(text).split(".")]
    return given


class ItemPut(Body):
    """An item. `ttl` is in minutes; `index` names the paths to search by, or is false for none.
    True leaves it to the store.
    """

    namespace: Namespace
    key: Key
    value: Object
    index: bool | list[str] | None = None
    ttl: Annotated[float | int, Field(gt=0, le=MAX_TTL_MINUTES)] | None = None


class ItemRef(Body):
    """Which item."""

    namespace: Namespace
    key: Key


class ItemQuery(Query):
    """Which item; the labels of its namespace are joined by dots."""

    namespace: Annotated[list[Label], BeforeValidator(_by_dots), Field(min_length=1)]
    key: Key
    refresh_ttl: bool | None = None


class ItemSearch(Body):
    """Items in and below a namespace. With `query`, the most similar ones come first."""

    namespace_prefix: Prefix = Field(default_factory=list)
    filter: Object | None = None
    limit: Limit = 10
    offset: Offset = 0
    query: str | None = None
    refresh_ttl: bool | None = None


class NamespaceSearch(Body):
    """Namespaces; `max_depth` cuts deeper ones off."""

    prefix: Prefix | None = None
    suffix: Prefix | None = None
    max_depth: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    limit: Limit = 100
    offset: Offset = 0
