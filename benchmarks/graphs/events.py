"""Custom events: as fast as the loop turns, or so many a second, evenly or in bursts.

in   {"events": 2500, "rate": 500, "burst": 100, "lead_in": 1.0}
out  the same

Each tells when it was `sent_at`, by the machine's clock.

`rate` is the mean per second, 0 for no pace; `burst` events come at a time. `lead_in` is the pause
before the first event in seconds, for readers to join. Only `events` must be given.
"""

import asyncio
import time
from typing import Required

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

NOTE = "a custom event of about one hundred bytes, like a progress report"


class State(TypedDict, total=False):
    events: Required[int]
    rate: float
    burst: int
    lead_in: float


async def work(state: State) -> State:
    write, total = get_stream_writer(), state["events"]
    rate, burst = state.get("rate", 0.0), state.get("burst", 1)
    await asyncio.sleep(state.get("lead_in", 0.0))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for done in range(total):
        if done % burst == 0:
            due = began + done / rate if rate else 0.0
            await asyncio.sleep(max(0.0, due - loop.time()))
        write({"done": done, "total": total, "note": NOTE, "sent_at": time.time()})
    return {"events": total}


graph = StateGraph(State).add_node(work).add_edge(START, "work").compile()
