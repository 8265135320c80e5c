"""The official client of the Agent2Agent protocol, pointed at an agent of a running server."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
from a2a.client import Client, ClientConfig, create_client
from a2a.client.card_resolver import A2ACardResolver
from a2a.types import a2a_pb2 as words
from google.protobuf.json_format import MessageToDict, ParseDict

OLD, NEW = "0.3", "1.0"


@asynccontextmanager
async def a2a_client(
    server: httpx.AsyncClient,
    agent: str,
    *,
    streaming: bool = False,
    version: str = NEW,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Client]:
    """A client of an agent of the server that the other one goes to."""
    url = f"{str(server.base_url).rstrip('/')}/a2a/{agent}"
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
        offered = [i for i in card.supported_interfaces if i.protocol_version == version]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(offered)
        yield await create_client(card, ClientConfig(httpx_client=http, streaming=streaming))


def said(*texts: str, **about: Any) -> words.SendMessageRequest:
    """A message of these texts; `about` is what else there is to it."""
    return message([words.Part(text=text) for text in texts], **about)


def given(data: Any, **about: Any) -> words.SendMessageRequest:
    """A message of data."""
    return message([ParseDict({"data": data}, words.Part())], **about)


def order(**what: Any) -> words.SendMessageRequest:
    """A message for tests/support/project/speaker.py."""
    return said(json.dumps(what))


def message(parts: list[words.Part], **about: Any) -> words.SendMessageRequest:
    role = words.Role.ROLE_USER
    return words.SendMessageRequest(
        message=words.Message(message_id=str(uuid4()), role=role, parts=parts, **about)
    )


async def task_of(client: Client, request: words.SendMessageRequest) -> words.Task:
    """The only answer to a message."""
    [answer] = [each async for each in client.send_message(request)]
    assert answer.HasField("task")
    return answer.task


def state(task: words.Task | words.TaskStatusUpdateEvent) -> str:
    name: str = words.TaskState.Name(task.status.state)
    return name.removeprefix("TASK_STATE_").lower()


def result(task: words.Task) -> Any:
    """The text, or the data, of the only artifact."""
    [artifact] = task.artifacts
    [part] = artifact.parts
    return part.text or MessageToDict(part)["data"]


class Built:
    """A task as a client has it that takes what it is told as the protocol says."""

    def __init__(self) -> None:
        self.text = ""
        self.states: list[str] = []
        self.pieces: list[str] = []
        self.task_id = ""

    def take(self, event: words.StreamResponse) -> None:
        if event.HasField("task"):
            self.task_id = event.task.id
            self.text = ""
            self.states.append(state(event.task))
        elif event.HasField("status_update"):
            self.states.append(state(event.status_update))
        else:
            update = event.artifact_update
            piece = "".join(part.text for part in update.artifact.parts)
            self.pieces.append(piece)
            self.text = self.text + piece if update.append else piece


def built(events: Iterable[words.StreamResponse]) -> Built:
    task = Built()
    for event in events:
        task.take(event)
    return task


def rpc(method: str, params: Any = None, id: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}


def sent(text: str, **about: Any) -> dict[str, Any]:
    """What SendMessage is given."""
    parts = [{"text": text}]
    return {"message": {"messageId": str(uuid4()), "role": "ROLE_USER", "parts": parts, **about}}
