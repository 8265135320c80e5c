"""A conversation, streamed token by token. No key: the model repeats what the human said last.

`delay` in the input is the pause before each token, in seconds.

>>> ask = {"role": "human", "content": "good morning"}
>>> graph.invoke({"messages": [ask]})["messages"][-1].content
'You said: good morning'
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
