"""Whatever is stored, forked, copied, pruned and deleted reads back as from memory."""

from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, _DeltaSnapshot
from pydantic import BaseModel

from joinstream.checkpoint import PostgresSaver
from joinstream.store.pool import create_pool
from tests.support.checkpoint_model import ModelSaver, config_of, exactly
from tests.support.postgres import PostgresForTests


class Note(BaseModel):
    """An item that msgpack does not know by itself."""

    text: str
    weight: float = 0.0


short_texts = st.text(st.characters(codec="utf-8"), max_size=8)
texts = short_texts | st.builds(lambda word, times: word * times, short_texts, st.just(300))
scalars = st.none() | st.booleans() | st.integers(-5, 300) | st.floats(allow_nan=True) | texts
notes = st.builds(Note, text=texts, weight=st.floats(allow_nan=False))
items: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.builds(HumanMessage, content=texts, id=short_texts),
    st.builds(AIMessage, content=texts, additional_kwargs=st.dictionaries(texts, scalars)),
    st.builds(ToolMessage, content=texts, tool_call_id=short_texts, artifact=notes),
    notes,
    st.lists(scalars, max_size=3),
    st.dictionaries(short_texts, scalars, max_size=3),
    st.binary(max_size=300),
    st.builds(bytearray, st.binary(max_size=9)),
)
dictionaries = st.dictionaries(short_texts, items, max_size=6)
values = st.one_of(items, st.lists(items, max_size=6), dictionaries)
CHANNELS = ["list", "dict", "value"]
TASKS = [str(uuid4()) for _ in range(3)]
RUNS = [str(uuid4()) for _ in range(3)]


class Place(NamedTuple):
    thread_id: str
    namespace: str
    checkpoint_id: str | None = None


class Stored(NamedTuple):
    """What a checkpoint was given: the objects themselves, as a running graph holds them."""

    values: dict[str, Any]
    versions: dict[str, Any]
    counters: dict[str, tuple[int, int]]


class World:
    """Does the same to our saver and to the model, as `draw` decides."""

    def __init__(self, draw: Callable[..., Any], pool: asyncpg.Pool) -> None:
        self.draw = draw
        self.pool = pool
        self.ours = PostgresSaver(pool)
        self.model = ModelSaver()
        self.stored: dict[Place, Stored] = {}
        self.threads: list[str] = []
        self.versions = count(1)

    async def put(self) -> None:
        roots = [Place(str(uuid4()), ""), *(Place(t, ns) for t in self.threads for ns in ("", "a"))]
        parent: Place = self.draw(st.sampled_from([*self.stored, *roots]))
        before = self.stored.get(parent, Stored({}, {}, {}))
        if self.model.get_tuple(config_of(*parent)) is None:
            # Deleted: with it went what its delta channel was made of.
            versions = {c: v for c, v in before.versions.items() if c != "delta"}
            before = Stored(before.values, versions, {})
        given_values = dict(before.values)
        if parent in self.stored and self.draw(st.booleans()):
            given_values = await self._reread(parent) or given_values
        changed = self.draw(st.sets(st.sampled_from([*CHANNELS, "delta"])))
        for channel in sorted(changed):
            self._change(given_values, channel)
        if "delta" not in changed:
            given_values.pop("delta", None)
        new_versions = {channel: next(self.versions) for channel in changed}
        counters = self._count(before.counters, changed, given_values)
        await self._save(parent, given_values, before.versions, new_versions, counters)

    async def _reread(self, place: Place) -> dict[str, Any] | None:
        found = await self.ours.aget_tuple(config_of(*place))
        return found and dict(found.checkpoint["channel_values"])

    def _change(self, given_values: dict[str, Any], channel: str) -> None:
        """The channel's next value. Lists change as reducers do, and in place."""
        old = given_values.get(channel)
        if channel == "delta":
            snapshot = self.draw(st.none() | st.lists(items, max_size=4))
            given_values.pop(channel, None)
            if snapshot is not None:
                given_values[channel] = _DeltaSnapshot(snapshot)
        elif channel == "list":
            given_values[channel] = self._changed_list(list(old) if old else [])
        elif channel == "dict":
            given_values[channel] = {**(old or {}), **self.draw(dictionaries)}
        else:
            given_values[channel] = self.draw(values)

    def _changed_list(self, new: list[Any]) -> list[Any]:
        for _ in range(self.draw(st.integers(0, 2))):
            if not new:
                break
            at = self.draw(st.integers(0, len(new) - 1))
            match self.draw(st.sampled_from(["replace", "remove", "mutate", "move", "cut"])):
                case "replace":
                    new[at] = self.draw(items)
                case "remove":
                    del new[at]
                case "move":
                    new.insert(0, new.pop(at))
                case "cut":
                    new = new[at:]
                case _ if isinstance(new[at], AIMessage):
                    new[at].additional_kwargs["changed"] = self.draw(scalars)
                case _ if isinstance(new[at], list):
                    new[at].append(self.draw(scalars))
                case _:
                    pass
        return [*new, *self.draw(st.lists(items, max_size=8))]

    def _count(
        self,
        before: dict[str, tuple[int, int]],
        changed: set[str],
        given_values: dict[str, Any],
    ) -> dict[str, tuple[int, int]]:
        """LangGraph's record of how far back a delta channel's snapshot is."""
        if "delta" in given_values or not (before or "delta" in changed):
            return {}
        updates, supersteps = before.get("delta", (0, 0))
        return {"delta": (updates + ("delta" in changed), supersteps + 1)}

    async def _save(
        self,
        parent: Place,
        given_values: dict[str, Any],
        versions: dict[str, Any],
        new_versions: dict[str, int],
        counters: dict[str, tuple[int, int]],
    ) -> None:
        place = parent._replace(checkpoint_id=str(uuid6()))
        checkpoint: Any = {
            "v": 4,
            "id": place.checkpoint_id,
            "ts": "2030-01-01T00:00:00+00:00",
            "channel_values": given_values,
            "channel_versions": {**versions, **new_versions},
            "versions_seen": {"node": dict(versions)},
            "updated_channels": sorted(new_versions),
        }
        metadata: Any = {"source": "loop", "step": 1, "run_id": self.draw(st.sampled_from(RUNS))}
        if counters:
            metadata["counters_since_delta_snapshot"] = {k: list(v) for k, v in counters.items()}
        for saver in (self.model, self.ours):
            await saver.aput(config_of(*parent), checkpoint, metadata, dict(new_versions))
        if place.thread_id not in self.threads:
            self.threads.append(place.thread_id)
        self.stored[place] = Stored(given_values, checkpoint["channel_versions"], counters)

    async def write(self) -> None:
        channels = st.sampled_from([*CHANNELS, "delta", ERROR, INTERRUPT, RESUME])
        writes = self.draw(st.lists(st.tuples(channels, values), max_size=4))
        task, path = self.draw(st.sampled_from(TASKS)), self.draw(st.sampled_from(["", "~a", "~b"]))
        place = self.draw(st.sampled_from(list(self.stored)))
        kept = writes
        if any(channel == ERROR for channel, _ in writes):  # ours keeps no half of a task
            kept = [write for write in writes if write[0] in (ERROR, INTERRUPT, RESUME)]
        await self.model.aput_writes(config_of(*place), kept, task, path)
        await self.ours.aput_writes(config_of(*place), writes, task, path)

    async def restart(self) -> None:
        self.ours = PostgresSaver(self.pool)

    async def copy(self) -> None:
        source, target = self.draw(st.sampled_from(self.threads)), str(uuid4())
        self.model.copy_thread(source, target)
        await self.ours.acopy_thread(source, target)
        copies = {
            place._replace(thread_id=target): stored
            for place, stored in self.stored.items()
            if place.thread_id == source
        }
        self.stored.update(copies)
        self.threads.append(target)

    async def prune(self) -> None:
        pruned = self.draw(st.lists(st.sampled_from(self.threads), unique=True))
        self.model.prune(pruned)
        await self.ours.aprune(pruned)

    async def delete_runs(self) -> None:
        run_ids = self.draw(st.lists(st.sampled_from(RUNS), max_size=2))
        self.model.delete_for_runs(run_ids)
        await self.ours.adelete_for_runs(run_ids)

    async def delete_thread(self) -> None:
        thread_id = self.draw(st.sampled_from(self.threads))
        self.model.delete_thread(thread_id)
        await self.ours.adelete_thread(thread_id)
        self.threads.remove(thread_id)
        self.stored = {p: s for p, s in self.stored.items() if p.thread_id != thread_id}

    async def check(self) -> None:
        """Both tell the same about everything."""
        for thread_id in self.threads:
            of_thread: Any = {"configurable": {"thread_id": thread_id}}
            ours = [exactly(found) async for found in self.ours.alist(of_thread)]
            model = [exactly(found) for found in self.model.list(of_thread)]
            assert ours == sorted(model, key=lambda found: found[0]["checkpoint_id"], reverse=True)
            for namespace in ("", "a"):
                newest = config_of(thread_id, namespace)
                assert exactly(await self.ours.aget_tuple(newest)) == exactly(
                    self.model.get_tuple(newest)
                )
        for place in self.stored:
            config = config_of(*place)
            assert exactly(await self.ours.aget_tuple(config)) == exactly(
                self.model.get_tuple(config)
            )
            asked: Any = {"config": config, "channels": ["delta", "list"]}
            assert _plain(await self.ours.aget_delta_channel_history(**asked)) == _plain(
                self.model.get_delta_channel_history(**asked)
            )


def _plain(history: Any) -> str:
    return repr({channel: sorted(entry.items()) for channel, entry in history.items()})


@pytest.fixture(scope="module")
async def pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    uri = await postgres.fresh_database()
    pool = await create_pool(uri, max_size=2)
    yield pool
    await pool.close()
    await postgres.drop_database(uri)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
async def test_any_history_reads_back_as_from_the_in_memory_saver(
    pool: asyncpg.Pool, data: st.DataObject
) -> None:
    world = World(data.draw, pool)
    await world.put()
    always = [world.put, world.put, world.write, world.restart, world.check]
    rarely = [world.copy, world.prune, world.delete_runs, world.delete_thread]
    for _ in range(data.draw(st.integers(1, 12))):
        await data.draw(st.sampled_from(always + rarely))()
        if not world.stored:
            await world.put()
    await world.check()
