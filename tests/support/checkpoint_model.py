"""A model of the checkpointer: LangGraph's in-memory saver, with the operations it lacks."""

from collections.abc import Collection, Sequence
from typing import Any

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

_SERDE = JsonPlusSerializer()


class ModelSaver(InMemorySaver):
    """Deleting forgets no channel values, as the in-memory saver finds them by version."""

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        for namespace, saved in self.storage[source_thread_id].items():
            self.storage[target_thread_id][namespace] = dict(saved)
        for place, written in list(self.writes.items()):
            if place[0] == source_thread_id:
                self.writes[(target_thread_id, *place[1:])] = dict(written)
        for key, blob in list(self.blobs.items()):
            if key[0] == source_thread_id:
                self.blobs[(target_thread_id, *key[1:])] = blob

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        for thread_id, namespaces in self.storage.items():
            for namespace, saved in namespaces.items():
                of_runs = {
                    checkpoint_id
                    for checkpoint_id, (_, metadata, _) in saved.items()
                    if _SERDE.loads_typed(metadata).get("run_id") in run_ids
                }
                self._forget(thread_id, namespace, of_runs)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for thread_id in thread_ids:
            for namespace, saved in self.storage[thread_id].items():
                if not saved:
                    continue
                kept = self._needed(thread_id, namespace, max(saved))
                self._forget(thread_id, namespace, set(saved) - kept)
                for checkpoint_id, (body, metadata, parent) in saved.items():
                    if parent not in saved:
                        saved[checkpoint_id] = (body, metadata, None)

    def _needed(self, thread_id: str, namespace: str, head: str) -> set[str]:
        """The head, and the ancestors that its delta channels are made of."""
        found = self.get_tuple(config_of(thread_id, namespace, head))
        assert found is not None
        needed = {head}
        searching = set(found.metadata.get("counters_since_delta_snapshot", {}))
        while searching and found.parent_config is not None:
            found = self.get_tuple(found.parent_config)
            if found is None:
                break
            needed.add(found.checkpoint["id"])
            searching -= set(found.checkpoint["channel_values"])
        return needed

    def _forget(self, thread_id: str, namespace: str, checkpoint_ids: Collection[str]) -> None:
        for checkpoint_id in checkpoint_ids:
            del self.storage[thread_id][namespace][checkpoint_id]
            self.writes.pop((thread_id, namespace, checkpoint_id), None)


def config_of(thread_id: str, namespace: str, checkpoint_id: str | None = None) -> Any:
    """A config that names this checkpoint, or the newest one."""
    place = {"thread_id": thread_id, "checkpoint_ns": namespace}
    return {"configurable": place | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}


def exactly(found: CheckpointTuple | None) -> Any:
    """A form of a checkpoint that is equal only if values and all their types are."""
    if found is None:
        return None
    rest = {key: value for key, value in found.checkpoint.items() if key != "channel_values"}
    return (
        found.config["configurable"],
        found.parent_config and found.parent_config["configurable"],
        found.metadata,
        _SERDE.dumps_typed(rest),
        {
            channel: _SERDE.dumps_typed(value)
            for channel, value in found.checkpoint["channel_values"].items()
        },
        [_SERDE.dumps_typed(write) for write in found.pending_writes or []],
    )
