"""Messages as runs: what a graph is given of their parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any
from uuid import UUID

from starlette.requests import Request

from joinstream.a2a_api.card import input_modes
from joinstream.a2a_api.errors import ContentTypeNotSupported, UnsupportedOperation
from joinstream.a2a_api.tasks import ABOUT, Questions, find_task, open_questions
from joinstream.a2a_api.wire import MessageIn, PartIn
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import RunId, ThreadId, new_run_id
from joinstream.domain.run_request import RunRequest
from joinstream.domain.stream_modes import StreamMode
from joinstream.errors import Unprocessable
from joinstream.http.answer import input_id
from joinstream.http.header_selection import for_graphs
from joinstream.http.services import services

_STREAM_MODES: tuple[StreamMode, ...] = ("messages-tuple", "custom")
"""What `telling.py` reads."""
_CONTEXT = "message.contextId"


@dataclass(frozen=True, slots=True)
class Asked:
    """A run to be created. `thread_id` None: in a new context."""

    thread_id: ThreadId | None
    run: RunRequest


async def asked_run(request: Request, assistant: Assistant, message: MessageIn) -> Asked:
    """Raises TaskNotFound, UnsupportedOperation for a task that asks nothing,
    ContentTypeNotSupported and Unprocessable for parts that cannot be given to the graph."""
    thread_id = _context_of(message)
    if message.task_id:
        return await _answer(request, assistant, message, thread_id)
    run_id = new_run_id()
    given = await _input(request, assistant, message.parts, run_id)
    return Asked(thread_id, _run(assistant, message, run_id, input=given))


def _run(
    assistant: Assistant,
    message: MessageIn,
    run_id: RunId,
    *,
    input: Any = None,
    answers: Questions | None = None,
    task: str | None = None,
) -> RunRequest:
    about = {"message_id": message.message_id, **({"task": task} if task else {})}
    return RunRequest(
        assistant=str(assistant.assistant_id),
        input=input,
        command={"resume": answers} if answers else None,
        metadata={ABOUT: about},
        stream_mode=_STREAM_MODES,
        subgraphs=True,  # nodes in there tell how far they are, too
        resumable=True,
        if_not_exists="create",
        on_completion="keep",
        run_id=run_id,
    )


def _context_of(message: MessageIn) -> ThreadId | None:
    if not message.context_id:
        return None
    try:
        return ThreadId(UUID(message.context_id))
    except ValueError:
        raise Unprocessable(
            f"{_CONTEXT}: must be that of a task, or a new UUID, got {message.context_id!r}."
        ) from None


async def _answer(
    request: Request, assistant: Assistant, message: MessageIn, thread_id: ThreadId | None
) -> Asked:
    assert message.task_id
    task = await find_task(request, assistant, message.task_id)
    if thread_id not in (None, task.thread_id):
        raise Unprocessable(f"{_CONTEXT}: is not that of the task, which is {task.thread_id}.")
    questions = await open_questions(request, task)
    if not questions:
        raise UnsupportedOperation(
            f"message.taskId: task {task.id} asks nothing. Send the message without it: as a new "
            "task of the context."
        )
    answers = _answers(message.parts, questions)
    run = _run(assistant, message, new_run_id(), answers=answers, task=str(task.runs[0].run_id))
    return Asked(task.thread_id, run)


def _answers(parts: Sequence[PartIn], questions: Questions) -> Questions:
    """What each question is answered; of several, by the ids of their interrupts."""
    data = [part.data for part in parts if part.is_data]
    texts = [part.text for part in parts if part.text is not None]
    if len(data) + len(texts) < len(parts) or (data and (texts or len(data) > 1)):
        raise Unprocessable("message.parts: an answer is texts, or one part of data.")
    answer = data[0] if data else "\n".join(texts)
    if len(questions) == 1:
        return dict.fromkeys(questions, answer)
    if not isinstance(answer, dict) or answer.keys() != questions.keys():
        raise Unprocessable(
            f"message.parts: the task asks {len(questions)} questions; send one part of data, an "
            f"object with an answer for each of {', '.join(questions)}."
        )
    return answer


async def _input(
    request: Request, assistant: Assistant, parts: Sequence[PartIn], run_id: RunId
) -> dict[str, Any]:
    graphs = services(request).assistant_graphs
    converses = await graphs.takes_messages(assistant, for_graphs(request))
    modes = input_modes(assistant, converses=converses)
    given = dict(_data_in(parts))
    said = [block for at, part in enumerate(parts) for block in _blocks(at, part, modes)]
    if said and not converses:
        raise ContentTypeNotSupported(
            f"message.parts: graph {assistant.graph_id!r} has no `messages` channel; send its "
            "input as a part of data."
        )
    if said:
        message = {"role": "user", "content": _content(said), "id": input_id(run_id, 0)}
        given["messages"] = [message]
    return given


def _data_in(parts: Sequence[PartIn]) -> Iterator[tuple[str, Any]]:
    for at, part in enumerate(parts):
        if part.is_data:
            if not isinstance(part.data, dict):
                raise Unprocessable(
                    f"message.parts[{at}].data: must be an object, by the names of the graph's "
                    "channels."
                )
            yield from part.data.items()


def _blocks(at: int, part: PartIn, modes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A part as LangChain has it in the content of a message."""
    if part.text is not None:
        yield {"type": "text", "text": part.text}
    elif not part.is_data:
        file = part.file
        raw, url = (file.bytes, file.uri) if file else (part.raw, part.url)
        media_type = (file.mime_type if file else part.media_type) or "application/octet-stream"
        if not any(fnmatch(media_type, mode) for mode in modes):
            raise ContentTypeNotSupported(
                f"message.parts[{at}]: {media_type} is not taken by this agent, which takes "
                f"{', '.join(modes)}."
            )
        kind = media_type.partition("/")[0]
        content = {"base64": raw} if raw is not None else {"url": url}
        yield {
            "type": kind if kind in ("image", "audio", "video") else "file",
            "mime_type": media_type,
            **content,
        }


def _content(blocks: list[dict[str, Any]]) -> Any:
    """Of texts alone, a text: every graph takes that."""
    if all(block["type"] == "text" for block in blocks):
        return "\n".join(block["text"] for block in blocks)
    return blocks
