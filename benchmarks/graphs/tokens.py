"""A model's answer, token by token; the loop turns once for each, as with a real model.

in   {"tokens": 4000}
out  {"tokens": 4000, "messages": [AIMessage(...)]}

Without `tokens`, the last message says how many.
"""

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.graph import START, MessagesState, StateGraph

from graphs.model import ScriptedModel


class Talker(ScriptedModel):
    """Told a number, says that many words."""

    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        return AIMessage("token " * int(messages[-1].text))


class State(MessagesState, total=False):
    tokens: int


async def talk(state: State) -> dict[str, list[BaseMessage]]:
    told = [HumanMessage(str(state["tokens"]))] if "tokens" in state else state["messages"]
    return {"messages": [await Talker().ainvoke(told)]}


graph = StateGraph(State).add_node(talk).add_edge(START, "talk").compile()
