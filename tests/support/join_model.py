"""Every order in which a writer's and a reader's steps can fall, and what the reader makes of it.

The readers here are the ones that suggest themselves; each but the last is wrong somewhere, and the
model says in how many orders and how.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, NamedTuple

EVENTS = ("e1", "e2", "e3")
END = "end"

WriterStep = tuple[Literal["log", "publish", "append", "commit"], str]
"""`append` is log and publish at once."""
ReaderStep = Literal["call", "subscribe", "read log", "read row"]


def _all(what: Literal["log", "publish", "append"]) -> list[WriterStep]:
    return [(what, event) for event in EVENTS]


COMMIT: WriterStep = ("commit", "")
WRITERS: dict[str, list[WriterStep]] = {
    "append, commit, end": [*_all("append"), COMMIT, ("append", END)],
    "end before commit": [*_all("append"), ("append", END), COMMIT],
    "dies before end": [*_all("append"), COMMIT],
    "publishes before logging": [
        *(step for pair in zip(_all("publish"), _all("log"), strict=True) for step in pair),
        COMMIT,
        ("append", END),
    ],
}


class NaiveReader(NamedTuple):
    """`merges`: drops what it has already seen, by id."""

    steps: Sequence[ReaderStep]
    merges: bool = False


READERS = {
    "row, then subscribe": NaiveReader(["call", "read row", "subscribe"]),
    "subscribe, then row": NaiveReader(["subscribe", "read row"]),
    "log, then subscribe": NaiveReader(["read log", "subscribe", "read row"]),
    "subscribe, then log": NaiveReader(["subscribe", "read log", "read row"]),
    "subscribe, then log, merged": NaiveReader(["subscribe", "read log", "read row"], merges=True),
}


@dataclass
class _World:
    log: list[str] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)
    replay: list[str] = field(default_factory=list)
    promised: set[str] = field(default_factory=set)
    listening: bool = False
    subscribed: bool = False
    terminal: bool = False
    saw_terminal: bool = False

    def write(self, step: WriterStep) -> None:
        what, event = step
        if what == "commit":
            self.terminal = True
        if what in ("log", "append"):
            self.log.append(event)
        if what in ("publish", "append"):
            if self.listening and event != END:
                self.promised.add(event)
            if self.subscribed:
                self.queue.append(event)

    def read(self, step: ReaderStep) -> None:
        match step:
            case "call":
                self.listening = True
            case "subscribe":
                self.listening = self.subscribed = True
            case "read log":
                self.replay = list(self.log)
            case "read row":
                self.saw_terminal = self.terminal


def _faults(world: _World, reader: NaiveReader) -> Iterator[str]:
    if "call" in reader.steps and world.saw_terminal:
        return  # it was told that the run is over, and subscribes to nothing
    received = world.replay + world.queue
    events = [event for event in received if event != END]
    if reader.merges:
        events = list(dict.fromkeys(events))
    if END not in received and not world.saw_terminal:
        yield "hang"
    if (set(EVENTS) if "read log" in reader.steps else world.promised) - set(events):
        yield "gap"
    if len(set(events)) < len(events):
        yield "duplicate"
    if events != sorted(events):
        yield "disorder"


def play_all(writer: Sequence[WriterStep], reader: NaiveReader) -> Counter[str]:
    """How many orders there are, and how many of them show each fault."""
    found: Counter[str] = Counter()
    total = len(writer) + len(reader.steps)
    for turns in combinations(range(total), len(reader.steps)):
        world = _World()
        writing, reading = iter(writer), iter(reader.steps)
        for turn in range(total):
            if turn in turns:
                world.read(next(reading))
            else:
                world.write(next(writing))
        found["orders"] += 1
        found.update(_faults(world, reader))
    return found
