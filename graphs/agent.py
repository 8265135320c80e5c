"""A ReAct agent: the model calls a tool, reads its result, and answers. No key needed.

in   {"messages": [{"role": "human", "content": "What is 2 + 3?"}]}
out  human  What is 2 + 3?
     ai     calls add(a=2, b=3)
     tool   5
     ai     The answer is 5
"""

import re

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from graphs.model import ScriptedModel


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


TOOLS = [add, multiply]


class Calculator(ScriptedModel):
    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            return AIMessage(f"The answer is {last.text}")
        found = re.search(r"(-?\d+)\s*([+*])\s*(-?\d+)", last.text)
        if found is None:
            return AIMessage("Ask me something like 2 + 3")
        a, sign, b = found.groups()
        name = "add" if sign == "+" else "multiply"
        call = {"name": name, "args": {"a": int(a), "b": int(b)}, "id": f"call_{len(messages)}"}
        return AIMessage("", tool_calls=[call])


model = Calculator().bind_tools(TOOLS)


async def think(state: MessagesState) -> MessagesState:
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = (
    StateGraph(MessagesState)
    .add_node(think)
    .add_node("tools", ToolNode(TOOLS))
    .add_edge(START, "think")
    .add_conditional_edges("think", tools_condition)
    .add_edge("tools", "think")
    .compile()
)
