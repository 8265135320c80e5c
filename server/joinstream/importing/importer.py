"""Goes through the source thread by thread."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

from joinstream.errors import StartupError, Unavailable
from joinstream.importing.source import Source, SourceThread
from joinstream.importing.target import NoGraph, Target
from joinstream.store.errors import as_request_error

log = structlog.get_logger(__name__)

_LISTED_TOGETHER = 200
AT_A_TIME = 4
"""Threads copied side by side: so that one is worked on while others wait for a database."""

Outcome = Literal["copied", "renewed", "unchanged", "in use here", "failed"]


@dataclass
class Report:
    """What became of the threads; `reasons` are those of failures, by thread."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)


class Importer:
    """Copies what the target lacks. Run it again to go on, or to fetch what was added since."""

    def __init__(self, source: Source, target: Target) -> None:
        self._source = source
        self._target = target
        self._slots = asyncio.Semaphore(AT_A_TIME)

    async def run(self, on_thread: Callable[[], None] = lambda: None) -> Report:
        """Go through all threads, calling `on_thread` after each.

        A thread that cannot be copied is reported, and the others go on. Raises StartupError when
        a database goes away, and when a thread's graph has to be told.
        """
        report = Report()
        last = ""
        try:
            while threads := await self._source.threads_after(last, _LISTED_TOGETHER):
                await self._go_through(threads, report, on_thread)
                last = threads[-1].thread_id
        except Exception as error:
            raise _explained(_first(error)) from error
        return report

    async def _go_through(
        self, threads: list[SourceThread], report: Report, on_thread: Callable[[], None]
    ) -> None:
        done = await self._target.up_to_date(threads)
        async with asyncio.TaskGroup() as group:
            for thread in threads:
                if thread in done:
                    report.outcomes["unchanged"] += 1
                    on_thread()
                else:
                    group.create_task(self._copy(thread, report, on_thread))

    async def _copy(
        self, thread: SourceThread, report: Report, on_thread: Callable[[], None]
    ) -> None:
        async with self._slots:
            report.outcomes[await self._outcome(thread, report)] += 1
            on_thread()

    async def _outcome(self, thread: SourceThread, report: Report) -> Outcome:
        try:
            async with self._source.reading(thread.thread_id) as reader:
                return await self._target.take_in(thread, reader)
        except Exception as error:
            if isinstance(_explained(error), StartupError):
                raise
            log.debug("thread not copied", thread_id=thread.thread_id, exc_info=error)
            report.reasons[thread.thread_id] = f"{type(error).__name__}: {error}"
            return "failed"


def _explained(error: Exception) -> Exception:
    """Errors that end the import as StartupErrors; others as they are."""
    if isinstance(error, NoGraph):
        return StartupError(str(error))
    if isinstance(as_request_error(error) or error, Unavailable):
        return StartupError(f"A database went away ({error}): start the import again to go on.")
    return error


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error
