"""The tools: every assistant that the caller may run."""

import re
from collections.abc import Sequence

from starlette.requests import Request

from joinstream.domain.assistants import Assistant
from joinstream.errors import GraphUnusable, Unprocessable
from joinstream.http.header_selection import for_graphs
from joinstream.http.services import services
from joinstream.mcp_api.tool_schemas import JsonSchema, tool_schema
from joinstream.mcp_api.wire import Annotations, Tool, ToolPage

PAGE = 100
LONGEST_NAME = 128

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_DIGITS_OF_ID = 8
_ANYTHING = Annotations(
    readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=True
)


async def page_of_tools(request: Request, cursor: str | None) -> ToolPage:
    """A tool whose graph cannot be opened is left out. Raises Unprocessable for a wrong cursor."""
    offset = _offset(cursor)
    named = list((await named_assistants(request)).items())
    tools = [
        await _tool(request, name, assistant) for name, assistant in named[offset : offset + PAGE]
    ]
    page = ToolPage(tools=[tool for tool in tools if tool is not None])
    if offset + PAGE < len(named):
        page["nextCursor"] = str(offset + PAGE)
    return page


async def assistant_called(request: Request, name: str) -> Assistant:
    """Raises Unprocessable when the caller has no such tool."""
    found = (await named_assistants(request)).get(name)
    if found is None:
        raise Unprocessable(f"name: there is no tool {name!r}; tools/list names those there are.")
    return found


async def named_assistants(request: Request) -> dict[str, Assistant]:
    return names_of([each async for each in services(request).assistants.usable()])


async def input_schema_of(request: Request, assistant: Assistant) -> JsonSchema | None:
    """What the graph takes; None when nobody can tell. Raises GraphUnusable."""
    schemas = await services(request).assistant_graphs.schemas(assistant, for_graphs(request))
    found: JsonSchema | None = schemas["input_schema"]
    return found


def names_of(assistants: Sequence[Assistant]) -> dict[str, Assistant]:
    """The assistants by the names of their tools.

    The first one of a name has it, others add the beginning of their id.
    """
    named: dict[str, Assistant] = {}
    for assistant in assistants:
        name = _plain(assistant.name)[:LONGEST_NAME]
        if not name or name in named:
            ending = assistant.assistant_id.hex
            short = f"{name[: LONGEST_NAME - _DIGITS_OF_ID - 1]}_{ending[:_DIGITS_OF_ID]}"
            name = short if short not in named else ending
        named[name] = assistant
    return named


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("", name.replace(" ", "_"))


async def _tool(request: Request, name: str, assistant: Assistant) -> Tool | None:
    try:
        schema = await input_schema_of(request, assistant)
    except GraphUnusable:
        return None
    of_graph = services(request).project.description(assistant.graph_id)
    return Tool(
        name=name,
        title=assistant.name,
        description=assistant.description or of_graph or f"Runs {assistant.graph_id}.",
        inputSchema=tool_schema(schema),
        annotations=_ANYTHING,
    )


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > _DIGITS_OF_ID:
        raise Unprocessable(f"cursor: must be a nextCursor of tools/list, got {cursor!r}.")
    return int(cursor)
