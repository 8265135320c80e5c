"""`store` of langgraph.json."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joinstream.errors import StartupError
from joinstream.project.config import ProjectConfig


class IndexConfig(BaseModel):
    """Semantic search: how items become vectors.

    `embed` is `./file.py:function`, or `provider:model` for langchain. Further keys are those of
    LangGraph's Postgres store: `distance_type`, `ann_index_config`.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    dims: Annotated[int, Field(ge=1, le=4000)]
    embed: str
    fields: list[str] = Field(default_factory=lambda: ["$"], min_length=1)


class TtlConfig(BaseModel):
    """In minutes. `default_ttl` is for items that are put without one; None keeps them for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refresh_on_read: bool = True
    default_ttl: Annotated[float, Field(gt=0)] | None = None
    sweep_interval_minutes: Annotated[float, Field(gt=0)] = 5


class ItemStoreConfig(BaseModel):
    """`path` names a store of the project's own, which then is all there is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = None
    index: IndexConfig | None = None
    ttl: TtlConfig = TtlConfig()


def item_store_config(config: ProjectConfig) -> ItemStoreConfig:
    """Raises StartupError for a field that is none or does not fit."""
    given: dict[str, Any] = config.store or {}
    try:
        return ItemStoreConfig.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in ("store", *problem["loc"]))
        raise StartupError(f"langgraph.json: {where}: {problem['msg']}") from None
