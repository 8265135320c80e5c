"""Bodies of `/langserve`, and its answers."""

from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import TypedDict

from joinstream.domain.runs import Durability
from joinstream.http.schemas.base import Body, Config, Context
from joinstream.http.schemas.runs import Nodes
from joinstream.langserve_api.selection import Selection

UNASKED_RECURSION_LIMIT = 25
"""What LangServe's clients send when nobody has set a limit."""

_IN_PYTHON = {
    "interruptAfter": "interrupt_after",
    "interruptBefore": "interrupt_before",
    "maxConcurrency": "max_concurrency",
    "recursionLimit": "recursion_limit",
    "runName": "run_name",
    "streamMode": "stream_mode",
}
"""Names that the client of JavaScript has for the same things."""


def _in_python(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    return {_IN_PYTHON.get(name, name): value for name, value in given.items()}


def _as_asked(given: Any) -> Any:
    given = _in_python(given)
    if isinstance(given, dict) and given.get("recursion_limit") == UNASKED_RECURSION_LIMIT:
        return {name: value for name, value in given.items() if name != "recursion_limit"}
    return given


CallConfig = Annotated[Config, BeforeValidator(_as_asked)]
"""A RunnableConfig as its clients send it."""

ChunkMode = Literal["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"]
"""The stream modes of LangGraph, by its own names."""


class CallKwargs(Body):
    """The keyword arguments of the call that a graph has; others are ignored."""

    stream_mode: ChunkMode | list[ChunkMode] | None = None
    subgraphs: bool = False
    interrupt_before: Nodes = None
    interrupt_after: Nodes = None
    durability: Durability = "async"
    context: Context = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _in_python(cls, given: Any) -> Any:
        return _in_python(given)


class CallRequest(Body):  # type: ignore[no-redef]  # mypy gives it **kwargs besides
    """One call of a graph. An `input` of null goes on from the thread's last checkpoint."""

    null_means: ClassVar[frozenset[str]] = frozenset({"input"})

    input: Any
    config: CallConfig = Field(default_factory=dict)
    arguments: CallKwargs = Field(default=CallKwargs(), alias="kwargs")


class SelectiveRequest(CallRequest):  # type: ignore[no-redef]  # as above
    """One call, of which only some parts are to be told."""

    include_names: list[str] | None = None
    include_types: list[str] | None = None
    include_tags: list[str] | None = None
    exclude_names: list[str] | None = None
    exclude_types: list[str] | None = None
    exclude_tags: list[str] | None = None

    @property
    def selection(self) -> Selection:
        return Selection(**{each.name: getattr(self, each.name) for each in fields(Selection)})


class CallMetadata(TypedDict):
    """`run_id` is that of the run; there are never feedback tokens."""

    run_id: str
    feedback_tokens: list[Any]


class InvokeOut(TypedDict):
    """The graph's output: its final values."""

    output: Any
    metadata: CallMetadata
