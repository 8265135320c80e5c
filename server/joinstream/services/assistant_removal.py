"""Deleting an assistant, with the runs and threads that hang on it."""

from joinstream.domain.ids import AssistantId
from joinstream.services.assistants import Assistants
from joinstream.services.runs import Runs
from joinstream.services.threads import Threads


class AssistantRemoval:
    """The one use case of assistants that reaches beyond them."""

    def __init__(self, assistants: Assistants, runs: Runs, threads: Threads) -> None:
        self._assistants = assistants
        self._runs = runs
        self._threads = threads

    async def delete(self, assistant_id: AssistantId, *, delete_threads: bool) -> None:
        """Delete the assistant; its active runs are cancelled, its threads go when asked for.

        Raises NotFound, and Conflict for the system assistant of a graph.
        """
        await self._assistants.delete(assistant_id)
        await self._runs.cancel_of_assistant(assistant_id)
        if delete_threads:
            await self._threads.delete_of_assistant(assistant_id)
