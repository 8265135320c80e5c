"""A conversation, streamed token by token. The model needs no key: it repeats what it was told.

    in   {"messages": [{"role": "human", "content": "good morning"}], "delay": 0.05}
    out  {"messages": [..., AIMessage("You said: good morning")], "delay": 0.05}

`delay` is the pause before each token in seconds, 0 when left out.
"""

from langchain_core.messages import AIMessage, BaseMessage
from langgraph.graph import START, MessagesState, StateGraph

from graphs.model import ScriptedModel


class Parrot(ScriptedModel):
    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        said = next((m.text for m in reversed(messages) if m.type == "human"), "nothing")
        return AIMessage(f"You said: {said}")


class State(MessagesState, total=False):
    delay: float


async def answer(state: State) -> State:
    model = Parrot(delay=state.get("delay", 0.0))
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = StateGraph(State).add_node(answer).add_edge(START, "answer").compile()
