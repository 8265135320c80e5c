"""What stands on the wire: what clients say in either version, and what is said in the newest."""

from typing import Annotated, Any, Literal, NotRequired, Self

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import TypedDict

from joinstream.http.json_rpc import MessageId
from joinstream.http.schemas.base import Body, Moment, Object, Query

TaskState = Literal[
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_WORKING",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
    "TASK_STATE_INPUT_REQUIRED",
]
Role = Literal["ROLE_USER", "ROLE_AGENT"]


class AgentRequest(Body):
    """A message of JSON-RPC that asks something of an agent."""

    jsonrpc: Literal["2.0"]
    id: MessageId
    method: str
    params: Object = Field(default_factory=dict)


class CardQuery(Query):
    """Whose card."""

    assistant_id: str | None = None


def whole_numbers(data: Any) -> Any:
    """The data with 2.0 as 2: to this protocol numbers are all of one kind, and its clients send
    either, but to graphs they are not."""
    if isinstance(data, dict):
        return {key: whole_numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [whole_numbers(value) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data


class FileIn(Body):
    """A file as version 0.3 has it."""

    bytes: str | None = None
    uri: str | None = None
    mime_type: str | None = Field(default=None, alias="mimeType")
    name: str | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.bytes is None) == (self.uri is None):
            raise ValueError("needs one of bytes, uri")
        return self


class PartIn(Body):
    """One of text, data, or a file, which is inline (`raw`, base64) or elsewhere (`url`)."""

    null_means = frozenset({"data"})

    text: str | None = None
    data: Annotated[Any, AfterValidator(whole_numbers)] = None
    raw: str | None = None
    url: str | None = None
    file: FileIn | None = None
    media_type: str | None = Field(default=None, alias="mediaType")
    filename: str | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if len(self.model_fields_set & {"text", "data", "raw", "url", "file"}) != 1:
            raise ValueError("needs one of text, data, raw, url")
        return self

    @property
    def is_data(self) -> bool:
        return "data" in self.model_fields_set


class MessageIn(Body):
    """What a user, or an agent in their place, says."""

    message_id: Annotated[str, Field(min_length=1)] = Field(alias="messageId")
    role: Literal["ROLE_USER", "user"]
    parts: Annotated[list[PartIn], Field(min_length=1)]
    context_id: str | None = Field(default=None, alias="contextId")
    task_id: str | None = Field(default=None, alias="taskId")


class SendConfiguration(Body):
    """How to answer. `blocking` is how version 0.3 says whether to return at once."""

    return_immediately: bool = Field(default=False, alias="returnImmediately")
    blocking: bool = True
    history_length: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="historyLength")
    task_push: Object | None = Field(default=None, alias="taskPushNotificationConfig")
    push: Object | None = Field(default=None, alias="pushNotificationConfig")


class SendParams(Body):
    """A message that begins a task, or answers a question of one."""

    message: MessageIn
    configuration: SendConfiguration = Field(default_factory=SendConfiguration)


class TaskParams(Body):
    """Which task, and how many of its messages to show; all unless it is said."""

    id: str
    history_length: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="historyLength")


class ListParams(Body):
    """Which tasks of a context, and what of them."""

    context_id: str = Field(alias="contextId")
    status: str | None = None
    after: Moment | None = Field(default=None, alias="statusTimestampAfter")
    page_size: Annotated[int, Field(ge=1, le=100)] = Field(default=50, alias="pageSize")
    page_token: str | None = Field(default=None, alias="pageToken")
    history_length: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="historyLength")
    include_artifacts: bool = Field(default=False, alias="includeArtifacts")


class Part(TypedDict, total=False):
    """One of text, data, raw and url."""

    text: str
    data: Any
    raw: str
    url: str
    mediaType: str
    metadata: dict[str, str]


class Message(TypedDict):
    """What a user or the agent said, as part of a task."""

    messageId: str
    contextId: str
    taskId: str
    role: Role
    parts: list[Part]


class Status(TypedDict):
    """How a task stands, since when. `message` is why, or what the agent asks."""

    state: TaskState
    timestamp: str
    message: NotRequired[Message]


class Artifact(TypedDict):
    """What came of a task."""

    artifactId: str
    parts: list[Part]


class Task(TypedDict):
    """What a message has begun."""

    id: str
    contextId: str
    status: Status
    artifacts: NotRequired[list[Artifact]]
    history: NotRequired[list[Message]]


class StatusUpdate(TypedDict):
    """A task is in another state now."""

    taskId: str
    contextId: str
    status: Status


class ArtifactUpdate(TypedDict):
    """A piece of an artifact: it replaces what there is, or is appended to it."""

    taskId: str
    contextId: str
    artifact: Artifact
    append: bool
    lastChunk: bool


class Interface(TypedDict):
    """Where an agent is spoken to, and how."""

    url: str
    protocolBinding: Literal["JSONRPC"]
    protocolVersion: str


class Capabilities(TypedDict):
    """What an agent can, beside answering."""

    streaming: bool
    pushNotifications: bool


class Skill(TypedDict):
    """What an agent is good at."""

    id: str
    name: str
    description: str
    tags: list[str]


class AgentCard(TypedDict):
    """An assistant, as an agent: the fields of both versions."""

    name: str
    description: str
    version: str
    supportedInterfaces: list[Interface]
    url: str
    preferredTransport: Literal["JSONRPC"]
    protocolVersion: str
    capabilities: Capabilities
    defaultInputModes: list[str]
    defaultOutputModes: list[str]
    skills: list[Skill]
