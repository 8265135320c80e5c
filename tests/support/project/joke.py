"""A chain of LangChain as LangServe was given it, in a graph, so that calls stay the same.

in      "the sea"
stream  "You ", "said: ", ...
out     "You said: Tell me a joke about the sea"
"""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langgraph.func import entrypoint
from langgraph.types import StreamWriter

from graphs.chat import Parrot

chain = (
    ChatPromptTemplate.from_template("Tell me a joke about {topic}") | Parrot() | StrOutputParser()
)


@entrypoint()
async def graph(topic: str, writer: StreamWriter) -> str:
    told = ""
    async for piece in chain.astream({"topic": topic}):
        writer(piece)
        told += piece
    return told


graph.stream_mode = "custom"
