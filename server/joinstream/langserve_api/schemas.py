"""Bodies of `/langserve`, and its answers."""

from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import TypedDict

from joinstream.domain.runs import Durability
from joinstream.http.schemas.base import Body, Config, Context
from joinstream.http.schemas.runs import Nodes
from joinstream.langserve_api.selection import Selection

UNASKED_RECURSION_LIMIT = 25
"""What LangServe's clients send when nobody has set a limit."""

MOST_CALLS = 10_000
"""In one batch."""

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


class PathConfig(Body):
    """A config that was packed into a path."""

    config: CallConfig


class CallKwargs(Body):
    """The keyword arguments of the call that a graph has; others are ignored.

    Exceptions have no form here that a client could be returned, and events only that of `v2`.
    """

    stream_mode: ChunkMode | list[ChunkMode] | None = None
    subgraphs: bool = False
    interrupt_before: Nodes = None
    interrupt_after: Nodes = None
    durability: Durability = "async"
    version: Literal["v2"] = "v2"
    return_exceptions: Literal[False] = False
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


class BatchRequest(Body):  # type: ignore[no-redef]  # as above
    """Several calls, with a config for all of them or one for each."""

    inputs: Annotated[list[Any], Field(max_length=MOST_CALLS)]
    config: CallConfig | list[CallConfig] = Field(default_factory=dict)
    arguments: CallKwargs | list[CallKwargs] = Field(default=CallKwargs(), alias="kwargs")

    @model_validator(mode="after")
    def _each_has_its_own(self) -> Self:
        for name, given in (("config", self.config), ("kwargs", self.arguments)):
            if isinstance(given, list) and len(given) != len(self.inputs):
                raise ValueError(
                    f"{name} must be one for all or one for each of the {len(self.inputs)} inputs, "
                    f"and there are {len(given)}"
                )
        return self

    @property
    def max_concurrency(self) -> int | None:
        """That of the first, as LangChain has it."""
        first, *_ = self._configs or [{}]
        at_once: int | None = first.get("max_concurrency")
        return at_once

    def calls(self) -> list[tuple[Any, dict[str, Any], CallKwargs]]:
        kwargs = self.arguments
        each = kwargs if isinstance(kwargs, list) else [kwargs] * len(self.inputs)
        return list(zip(self.inputs, self._configs, each, strict=True))

    @property
    def _configs(self) -> list[dict[str, Any]]:
        config = self.config
        return config if isinstance(config, list) else [config] * len(self.inputs)


class CallMetadata(TypedDict):
    """`run_id` is that of the run; there are never feedback tokens."""

    run_id: str
    feedback_tokens: list[Any]


class InvokeOut(TypedDict):
    """The graph's output: its final values."""

    output: Any
    metadata: CallMetadata


class BatchMetadata(TypedDict):
    """The same of each call, in two ways."""

    responses: list[CallMetadata]
    run_ids: list[str]


class BatchOut(TypedDict):
    """The outputs, in the order of the inputs."""

    output: list[Any]
    metadata: BatchMetadata
