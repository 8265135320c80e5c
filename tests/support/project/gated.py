"""An essay like that of graphs/essay.py, written no faster than a test allows.

Each step, first two of reading, then one per word, waits until a file in the folder `ESSAY_GATES`,
named after the topic, holds a greater number than there were steps before. `tests/support/gates.py`
writes it.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langgraph.graph import START, StateGraph
from tests.support.waiting import eventually

from graphs.essay import Essayist, State, confirm, topic_of
from graphs.model import tokens
from joinstream import progress

READING = 2


class GatedEssayist(Essayist):
    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for step, token in enumerate(tokens(self.reply(messages)), READING):
            await allowed(topic_of(messages), step)
            yield ChatGenerationChunk(message=token)


async def allowed(topic: str, step: int) -> None:
    gate = Path(os.environ["ESSAY_GATES"]) / topic

    async def is_open() -> bool:
        return gate.exists() and step < int(gate.read_text())

    await eventually(is_open)


async def read(state: State) -> None:
    for done in range(READING):
        await allowed(topic_of(state["messages"]), done)
        progress((done + 1) / READING, f"{done + 1} of {READING} books", stage="reading")


async def write(state: State) -> dict[str, list[AIMessage]]:
    progress(None, "Writing", stage="writing")
    return {"messages": [await GatedEssayist().ainvoke(state["messages"])]}


graph = (
    StateGraph(State)
    .add_node(read)
    .add_node(confirm)
    .add_node(write)
    .add_edge(START, "read")
    .add_edge("read", "confirm")
    .compile()
)
