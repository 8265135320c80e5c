"""Deleting an assistant, with the runs and threads that hang on it."""

from contextlib import suppress

from joinstream.domain.ids import AssistantId
from joinstream.errors import NotFound
from joinstream.ports.assistants import AssistantStore
from joinstream.services.assistants import Assistants
from joinstream.services.runs import Runs
from joinstream.services.threads import Threads


class AssistantRemoval:
    """The one use case of assistants that reaches beyond them."""

    def __init__(
        self, store: AssistantStore, assistants: Assistants, runs: Runs, threads: Threads
    ) -> None:
        self._store = store
        self._assistants = assistants
        self._runs = runs
        self._threads = threads

    async def delete(self, assistant_id: AssistantId, *, delete_threads: bool) -> None:
        """Delete the assistant; its active runs are cancelled, its threads go when asked for.

        Raises NotFound, and Conflict for the system assistant of a graph.
        """
        await self._assistants.delete(assistant_id)
        for run_id in await self._store.active_runs(assistant_id):
            with suppress(NotFound):  # it ended in the meantime
                run = await self._runs.get(None, run_id)
                await self._runs.cancel(run, "interrupt", "assistant deleted")
        if delete_threads:
            await self._threads.delete_of_assistant(assistant_id)
