"""Everything a graph can do to the server that runs it: one verb per fault.

`before` and `after` surround the faulty node, so that a resumed run can be told from a repeated
one. Input: {"verb": ..., and what the table names}. Output: `trail` lists the nodes that finished,
`cargo` holds what the verb returned.

| verb                 | what the node does                                         | input       |
|----------------------|------------------------------------------------------------|-------------|
| ok                   | nothing                                                    |             |
| raise                | raises ValueError("told to fail")                          |             |
| timeout              | raises TimeoutError                                        |             |
| hang                 | waits forever, can be cancelled                            |             |
| sleep                | awaits                                                     | seconds     |
| block                | time.sleep: the event loop stands still                    | seconds     |
| spin                 | computes in Python: the event loop stands still            | seconds     |
| bigint               | one C call, 3 ** n: no thread of the process advances      | n           |
| exit                 | raises SystemExit                                          |             |
| keyboard             | raises KeyboardInterrupt                                   |             |
| base                 | raises a BaseException of its own                          |             |
| cancelled            | raises CancelledError, though nobody cancelled             |             |
| swallow              | waits forever, swallows its cancellation and returns       |             |
| kill                 | SIGKILLs its own process                                   |             |
| unserializable       | returns a lock                                             |             |
| unserializable_event | writes a lock to the custom stream                         |             |
| nan                  | returns NaN and infinity                                   |             |
| endless              | returns a list that contains itself, which is no JSON      |             |
| huge                 | returns 10 ** n                                            | n           |
| surrogate            | returns a lone surrogate, which is not UTF-8               |             |
| nul                  | returns U+0000, which Postgres cannot store as text        |             |
| big                  | returns a string of `bytes` bytes                          | bytes       |
| flood                | writes n custom events of `bytes` each without a pause     | n, bytes    |
| recursion            | loops until the recursion limit                            |             |
| slow                 | takes n supersteps                                         | n, seconds  |
| interrupt            | interrupts; the resume value becomes `cargo`               |             |

`path`: a file to which every node appends `<node> <step>` when it starts, to count executions by.
`times`: with `path`, the fault happens only so many times; later executions are `ok`.
"""

import asyncio
import operator
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    verb: str
    seconds: float
    n: int
    bytes: int
    path: str
    times: int
    step: int
    cargo: Any
    trail: Annotated[list[str], operator.add]


class Disaster(BaseException):
    """An error that `except Exception` does not catch."""


async def ok(state: State) -> None:
    pass


async def raise_(state: State) -> None:
    raise ValueError("told to fail")


async def timeout(state: State) -> None:
    raise TimeoutError("told to time out")


async def hang(state: State) -> None:
    await asyncio.Event().wait()


async def sleep(state: State) -> None:
    await asyncio.sleep(state.get("seconds", 1.0))


async def block(state: State) -> None:
    time.sleep(state.get("seconds", 1.0))  # noqa: ASYNC251 - blocking the loop is the fault


async def spin(state: State) -> None:
    end = time.monotonic() + state.get("seconds", 1.0)
    while time.monotonic() < end:
        pass


async def bigint(state: State) -> None:
    _ = 3 ** state.get("n", 10_000_000)


async def exit_(state: State) -> None:
    raise SystemExit(1)


async def keyboard(state: State) -> None:
    raise KeyboardInterrupt


async def base(state: State) -> None:
    raise Disaster("told to fail badly")


async def cancelled(state: State) -> None:
    raise asyncio.CancelledError


async def swallow(state: State) -> str:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return "swallowed"


async def kill(state: State) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def unserializable(state: State) -> Any:
    return threading.Lock()


async def unserializable_event(state: State) -> None:
    get_stream_writer()({"lock": threading.Lock()})


async def nan(state: State) -> list[float]:
    return [float("nan"), float("inf")]


async def endless(state: State) -> list[Any]:
    cargo: list[Any] = []
    cargo.append(cargo)
    return cargo


async def huge(state: State) -> int:
    return cast(int, 10 ** state["n"])


async def surrogate(state: State) -> str:
    return "lone \ud800 surrogate"


async def nul(state: State) -> str:
    return "nul \x00 byte"


async def big(state: State) -> str:
    return "x" * state.get("bytes", 1_000_000)


async def flood(state: State) -> None:
    write, load = get_stream_writer(), "x" * state.get("bytes", 0)
    for i in range(state.get("n", 1_000)):
        write({"i": i, "load": load} if load else {"i": i})


async def ask(state: State) -> Any:
    return interrupt("told to interrupt")


VERBS: dict[str, Callable[[State], Awaitable[Any]]] = {
    "ok": ok,
    "raise": raise_,
    "timeout": timeout,
    "hang": hang,
    "sleep": sleep,
    "block": block,
    "spin": spin,
    "bigint": bigint,
    "exit": exit_,
    "keyboard": keyboard,
    "base": base,
    "cancelled": cancelled,
    "swallow": swallow,
    "kill": kill,
    "unserializable": unserializable,
    "unserializable_event": unserializable_event,
    "nan": nan,
    "endless": endless,
    "huge": huge,
    "surrogate": surrogate,
    "nul": nul,
    "big": big,
    "flood": flood,
    "recursion": ok,
    "slow": sleep,
    "interrupt": ask,
}


def note(state: State, node: str) -> int:
    """Append `<node> <step>` to the journal; how often it had been started before."""
    if "path" not in state:
        return 0
    journal = Path(state["path"])
    lines = journal.read_text().splitlines() if journal.exists() else []
    with journal.open("a") as file:
        file.write(f"{node} {state.get('step', 0)}\n")
    return sum(line.startswith(f"{node} ") for line in lines)


async def before(state: State) -> State:
    note(state, "before")
    return {"step": 0, "cargo": None, "trail": ["before"]}


async def fault(state: State) -> State:
    earlier = note(state, "fault")
    spent = "times" in state and earlier >= state["times"]
    cargo = None if spent else await VERBS[state["verb"]](state)
    return {"step": state["step"] + 1, "cargo": cargo, "trail": ["fault"]}


async def after(state: State) -> State:
    note(state, "after")
    return {"trail": ["after"]}


def again(state: State) -> Literal["fault", "after"]:
    loops = state["verb"] == "slow" and state["step"] < state.get("n", 3)
    return "fault" if loops or state["verb"] == "recursion" else "after"


graph = (
    StateGraph(State)
    .add_node(before)
    .add_node(fault)
    .add_node(after)
    .add_edge(START, "before")
    .add_edge("before", "fault")
    .add_conditional_edges("fault", again)
    .compile()
)
