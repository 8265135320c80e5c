"""Reads up on a topic, then writes about it: progress first, then token by token.

    graph:  read ──► confirm ──► write          (chat model)

    in      {"messages": [{"role": "human", "content": "the sea"}], "delay": 0.05}
    out     {"messages": [..., AIMessage("About the sea there is much to say, ...")], ...}

    in      {..., "ask": True}
    stops   with {"question": "All books are read. Shall I write about the sea?"}
    resume  "yes"             goes on to `write`; anything else ends the run

The pages in `examples/web` talk to it. `delay` is the pause before each book and each token in
seconds, 0 when left out.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from graphs.model import ScriptedModel
from joinstream import progress

BOOKS = ("An introduction", "A history", "Letters", "A dictionary", "The objections")


class Essayist(ScriptedModel):
    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        topic = topic_of(messages)
        return AIMessage(
            f"About {topic} there is much to say, and most of it was said by people in a hurry. "
            f"Who takes the time finds that {topic} is older than its books, and quieter. "
            "The introduction praises, the history remembers, the letters complain; "
            "the dictionary needs two lines, and the objections are the best part. "
            f"So let us begin again, slowly: {topic}."
        )


class State(MessagesState, total=False):
    delay: float
    ask: bool


def topic_of(messages: Sequence[BaseMessage]) -> str:
    return next((m.text for m in reversed(messages) if m.type == "human"), "nothing")


async def read(state: State) -> None:
    for done, book in enumerate(BOOKS):
        progress(done / len(BOOKS), f"{book} of {topic_of(state['messages'])}", stage="reading")
        await asyncio.sleep(state.get("delay", 0.0))
    progress(1, "All books read", stage="reading")


def confirm(state: State) -> Command[Literal["write", "__end__"]]:
    if not state.get("ask", False):
        return Command(goto="write")
    topic = topic_of(state["messages"])
    answer = interrupt({"question": f"All books are read. Shall I write about {topic}?"})
    return Command(goto="write" if answer == "yes" else "__end__")


async def write(state: State) -> State:
    progress(None, "Writing", stage="writing")
    model = Essayist(delay=state.get("delay", 0.0))
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = (
    StateGraph(State)
    .add_node(read)
    .add_node(confirm)
    .add_node(write)
    .add_edge(START, "read")
    .add_edge("read", "confirm")
    .compile()
)
