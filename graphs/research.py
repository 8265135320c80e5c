"""Graphs in graphs, two levels deep; the innermost node streams from a chat model.

    graph:  plan ──► investigate ──► report
    investigate:     search ──► summarise
    summarise:                  read ──► condense      (chat model)

    in   {"question": "why is the sky blue"}
    out  {"question": ..., "plan": ..., "sources": [...], "summary": ..., "report": ...}

With `stream_subgraphs` the events of the inner graphs appear under the namespaces
`investigate:<task>` and `investigate:<task>|summarise:<task>`.
"""

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from graphs.model import ScriptedModel


class State(TypedDict, total=False):
    question: str
    plan: str
    sources: list[str]
    summary: str
    report: str


class Librarian(ScriptedModel):
    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        return AIMessage(f"Two books agree about {messages[-1].text}")


def plan(state: State) -> State:
    return {"plan": f"find out {state['question']}"}


def search(state: State) -> State:
    return {"sources": [f"{state['question']}, volume {volume}" for volume in (1, 2)]}


def read(state: State) -> State:
    return {"sources": [f"read: {source}" for source in state["sources"]]}


async def condense(state: State) -> State:
    answer = await Librarian().ainvoke([HumanMessage(state["question"])])
    return {"summary": answer.text}


def report(state: State) -> State:
    return {"report": f"{state['summary']} ({len(state['sources'])} sources)"}


summarise = (
    StateGraph(State)
    .add_node(read)
    .add_node(condense)
    .add_edge(START, "read")
    .add_edge("read", "condense")
    .compile()
)

investigate = (
    StateGraph(State)
    .add_node(search)
    .add_node("summarise", summarise)
    .add_edge(START, "search")
    .add_edge("search", "summarise")
    .compile()
)

graph = (
    StateGraph(State)
    .add_node(plan)
    .add_node("investigate", investigate)
    .add_node(report)
    .add_edge(START, "plan")
    .add_edge("plan", "investigate")
    .add_edge("investigate", "report")
    .compile()
)
