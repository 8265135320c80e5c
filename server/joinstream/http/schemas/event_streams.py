"""Bodies of the event-streaming protocol: subscriptions, and commands with their params."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field

from joinstream.domain.ids import RunId
from joinstream.domain.run_request import RunRequest
from joinstream.domain.runs import MultitaskStrategy
from joinstream.domain.stream_modes import StreamMode
from joinstream.event_streaming.filters import CHANNELS, ChannelFilter, is_channel
from joinstream.http.schemas.base import Body, Config, Context, Id, Limit, Metadata, Object
from joinstream.http.schemas.runs import KeyAndValue, SendTo

CLASSIC_MODES: tuple[StreamMode, ...] = ("values", "updates", "custom", "tasks")
"""What those get of a run of the protocol who join it by its classic path."""


def _a_channel(name: str) -> str:
    if not is_channel(name):
        raise ValueError(f"must be one of {', '.join(CHANNELS)} or custom:<name>")
    return name


class Subscription(Body):
    """Which events are wanted. `namespaces` are prefixes, below which `depth` levels count; `since`
    is the `seq` of the last event that is known."""

    channels: Annotated[
        list[Annotated[str, AfterValidator(_a_channel)]], Field(min_length=1, max_length=1000)
    ]
    namespaces: Annotated[list[list[str]], Field(max_length=1000)] | None = None
    depth: Annotated[int, Field(ge=0)] | None = None
    since: Annotated[int, Field(ge=0, lt=2**53)] | None = None

    def filter(self) -> ChannelFilter:
        return ChannelFilter(
            frozenset(self.channels),
            tuple(tuple(namespace) for namespace in self.namespaces or ()),
            self.depth,
            self.since or None,
        )


class Reconnection(Subscription):
    """A subscription that goes on after `since`."""

    since: Annotated[int, Field(ge=0, lt=2**53)]
    subscription_id: str | None = None


class Unsubscription(Body):
    """Which subscription ends."""

    subscription_id: str


class CommandIn(Body):
    """A command: `id` comes back with its answer."""

    id: int
    method: str
    params: Object = Field(default_factory=dict)


class StartRun(Body):
    """Params of `run.start`."""

    assistant_id: Annotated[str, Field(min_length=1)]
    input: Any = None
    config: Config = Field(default_factory=dict)
    context: Context = Field(default_factory=dict)
    metadata: Metadata = Field(default_factory=dict)
    multitask_strategy: MultitaskStrategy | None = Field(
        default=None, validation_alias=AliasChoices("multitask_strategy", "multitaskStrategy")
    )

    def request(self) -> RunRequest:
        return _request(
            assistant=self.assistant_id,
            input=self.input,
            config=self.config,
            context=self.context,
            metadata=self.metadata,
            multitask_strategy=self.multitask_strategy or "enqueue",
        )


class Response(Body):
    """The answer to one interrupt."""

    null_means = frozenset({"response"})

    interrupt_id: Annotated[str, Field(min_length=1)]
    response: Any = None


class Respond(Body):
    """Params of `input.respond`: one answer, or several as `responses`."""

    null_means = frozenset({"response"})

    interrupt_id: str | None = None
    response: Any = None
    responses: Annotated[list[Response], Field(min_length=1)] | None = None
    update: Object | list[KeyAndValue] | None = None
    goto: str | SendTo | list[str | SendTo] | None = None
    config: Config = Field(default_factory=dict)
    metadata: Metadata = Field(default_factory=dict)
    strict_resume: bool = False

    def answers(self) -> dict[str, Any]:
        """By the ids of the interrupts; none when neither form was sent."""
        if self.responses is not None:
            return {each.interrupt_id: each.response for each in self.responses}
        return {} if self.interrupt_id is None else {self.interrupt_id: self.response}

    def request(self) -> RunRequest:
        command = self.model_dump(include={"update", "goto"}, exclude_none=True)
        return _request(
            assistant="",
            command=command,
            config=self.config,
            metadata=self.metadata,
            strict_resume=self.strict_resume,
        )


class CancelRun(Body):
    """Params of `run.cancel`."""

    run_id: Id | None = None

    def run(self) -> RunId | None:
        return RunId(self.run_id) if self.run_id else None


class GetTree(Body):
    """Params of `agent.getTree`: a run, or none for the newest."""

    run_id: Id | None = None


class GetState(Body):
    """Params of `state.get`: of which graph, and which keys; none named: all."""

    namespace: list[str] = Field(default_factory=list)
    keys: list[str] | None = None


class ListCheckpoints(Body):
    """Params of `state.listCheckpoints`; `before` is the id of a checkpoint."""

    namespace: list[str] = Field(default_factory=list)
    limit: Limit = 10
    before: str | None = None


class Fork(Body):
    """Params of `state.fork`."""

    checkpoint_id: Annotated[str, Field(min_length=1)]
    input: Any = None
    config: Config = Field(default_factory=dict)

    def request(self) -> RunRequest:
        return _request(assistant="", input=self.input, config=self.config)


class CommandAnswer(Body):
    """What came of a command: a `result`, or an `error` with a `message`."""

    type: Literal["success", "error"]
    id: int
    result: Object | None = None
    error: str | None = None
    message: str | None = None
    meta: Object | None = None


def _request(**asked: Any) -> RunRequest:
    return RunRequest(
        **asked,
        stream_mode=CLASSIC_MODES,
        subgraphs=True,
        resumable=True,
        if_not_exists="create",
        on_completion="keep",
        event_streaming={"answers": []},
    )
