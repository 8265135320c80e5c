"""A chat model without a model: subclasses decide the answer, this streams it word by word."""

import asyncio
import json
import re
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable


class ScriptedModel(BaseChatModel):
    """Answers with `reply(messages)`, one token per word, `delay` seconds before each token."""

    delay: float = 0.0

    @abstractmethod
    def reply(self, messages: list[BaseMessage]) -> AIMessage:
        """The whole answer to this conversation."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Runnable[Any, AIMessage]:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return generate_from_stream(self._stream(messages))

    def _stream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> Iterator[ChatGenerationChunk]:
        for token in tokens(self.reply(messages)):
            time.sleep(self.delay)
            yield ChatGenerationChunk(message=token)

    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for token in tokens(self.reply(messages)):
            await asyncio.sleep(self.delay)
            yield ChatGenerationChunk(message=token)


def tokens(answer: AIMessage) -> Iterator[AIMessageChunk]:
    """The answer in pieces that add up to it: its words, then its tool calls."""
    for word in re.findall(r"\S+\s*|\s+", answer.text):
        yield AIMessageChunk(content=word)
    for index, call in enumerate(answer.tool_calls):
        arguments = json.dumps(call["args"])
        chunk = tool_call_chunk(name=call["name"], args=arguments, id=call["id"], index=index)
        yield AIMessageChunk(content="", tool_call_chunks=[chunk])
