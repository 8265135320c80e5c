"""Says what it is told to, in the way it is told to: the last message of the user is JSON.

{"say": text}                          a model's answer, streamed word by word
{"say": text, "whole": true}           a message that no model streamed
{"say": text, "usage": true}           the model reports tokens: 3 read, 4 written
{"say": text, "because": reason}       the model says why it stopped
{"call": {"name": ..., "args": ...}}   a tool call, which the graph does not answer
{"ask": value}                         an interrupt; whatever answers it is repeated
{"fail": text}                         the node raises
{"inside": text}                       the model of a subgraph says it, and its message is kept
{"think": text, "say": text}           another model speaks first, whose words are not kept
{"say": text, "wait": true}            and then nothing, for ever
{"say": text, "until": path}           nothing after the first word until the file is there
{"from": path}                         says what the file holds,
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from tests.support.waiting import eventually

from graphs.model import ScriptedModel, tokens

Told = dict[str, Any]


def told(messages: Sequence[BaseMessage]) -> Told:
    text = next(message.text for message in reversed(messages) if message.type == "human")
    found: Told = json.loads(text)
    return found


class Speaker(ScriptedModel):
    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        order = told(messages)
        call = order.get("call")
        calls = [{**call, "id": f"call_{len(messages)}"}] if call else []
        said = Path(order["from"]).read_text() if "from" in order else order.get("say", "")
        return AIMessage(said, tool_calls=calls)

    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        order = told(messages)
        for token in tokens(self.reply(messages)):
            yield ChatGenerationChunk(message=token)
            if "until" in order:
                await is_there(Path(order["until"]))
        if order.get("wait"):
            await asyncio.Event().wait()
        about = {"finish_reason": order["because"]} if "because" in order else {}
        usage: Any = (
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7} if "usage" in order else None
        )
        last = AIMessageChunk(content="", response_metadata=about, usage_metadata=usage)
        yield ChatGenerationChunk(message=last)


async def is_there(path: Path) -> None:
    async def look() -> bool:
        return path.exists()

    await eventually(look)


async def speak(state: MessagesState) -> dict[str, list[AIMessage]]:
    order = told(state["messages"])
    if "fail" in order:
        raise ValueError(order["fail"])
    if "ask" in order:
        return {"messages": [AIMessage(f"You answered {interrupt(order['ask'])}")]}
    if "whole" in order:
        return {"messages": [AIMessage(order["say"])]}
    if "think" in order:
        await Speaker().ainvoke([HumanMessage(json.dumps({"say": order["think"]}))])
    if "inside" in order:
        question = HumanMessage(json.dumps({"say": order["inside"]}))
        answered = await inside.ainvoke(MessagesState(messages=[question]))
        return {"messages": answered["messages"][-1:]}
    return {"messages": [await Speaker().ainvoke(state["messages"])]}


async def speak_inside(state: MessagesState) -> dict[str, list[AIMessage]]:
    return {"messages": [await Speaker().ainvoke(state["messages"])]}


inside = StateGraph(MessagesState).add_node(speak_inside).add_edge(START, "speak_inside").compile()
graph = StateGraph(MessagesState).add_node(speak).add_edge(START, "speak").compile()
