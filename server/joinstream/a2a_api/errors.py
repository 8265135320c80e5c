"""What the protocol has codes for."""

from typing import Any, ClassVar

from joinstream.errors import RequestError


class TaskError(RequestError):
    """A request that this protocol has its own refusal for."""

    code: ClassVar[int]
    reason: ClassVar[str]

    @property
    def details(self) -> list[Any]:
        about = {"reason": self.reason, "domain": "a2a-protocol.org"}
        return [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **about}]


class TaskNotFound(TaskError):
    """There is no such task, or not for this caller, or not of this agent."""

    code = -32001
    reason = "TASK_NOT_FOUND"


class TaskNotCancelable(TaskError):
    """Nothing of the task is executing."""

    code = -32002
    reason = "TASK_NOT_CANCELABLE"


class PushNotificationNotSupported(TaskError):
    """Nobody is called when a task changes."""

    code = -32003
    reason = "PUSH_NOTIFICATION_NOT_SUPPORTED"


class UnsupportedOperation(TaskError):
    """Not with this task, in its state."""

    code = -32004
    reason = "UNSUPPORTED_OPERATION"


class ContentTypeNotSupported(TaskError):
    """The agent does not take this kind of part."""

    code = -32005
    reason = "CONTENT_TYPE_NOT_SUPPORTED"


class VersionNotSupported(TaskError):
    """The version of the protocol that is asked for is not spoken here."""

    code = -32009
    reason = "VERSION_NOT_SUPPORTED"
