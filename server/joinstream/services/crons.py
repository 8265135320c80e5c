"""Crons: made, found, changed and removed. What fires them is `cron_scheduler`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from joinstream.domain.access import metadata_of
from joinstream.domain.assistants import SortDirection
from joinstream.domain.crons import CatchUp, Cron, CronFiring, CronOrder, due_after
from joinstream.domain.ids import CronId, ThreadId, new_cron_id
from joinstream.domain.runs import OnCompletion
from joinstream.domain.webhook_urls import UrlPolicy
from joinstream.errors import NotFound, Unprocessable
from joinstream.ports.access import Access, Action
from joinstream.ports.crons import CronFilter, CronStore, NewCron
from joinstream.services.run_creation import ResolveAssistant
from joinstream.services.threads import Threads
from joinstream.services.webhooks import check_webhook


class CronWanted(NamedTuple):
    """What a client asks for. `payload` is the body that its runs are created from."""

    assistant: str
    schedule: str
    timezone: str | None
    end_time: datetime | None
    enabled: bool
    on_run_completed: OnCompletion
    catch_up: CatchUp
    payload: dict[str, Any]
    metadata: dict[str, Any]


class CronChange(NamedTuple):
    """What a change sets: cron fields by name, and keys of the payload. Metadata is merged."""

    fields: dict[str, Any]
    payload: dict[str, Any]


class Crons:
    """Every use case of crons but their firing.

    `woken` is called whenever a cron may have become due earlier than the scheduler knows.
    """

    def __init__(
        self,
        crons: CronStore,
        resolve_assistant: ResolveAssistant,
        threads: Threads,
        access: Access,
        webhook_urls: UrlPolicy | None,
        woken: Callable[[], None],
    ) -> None:
        self._crons = crons
        self._resolve_assistant = resolve_assistant
        self._threads = threads
        self._access = access
        self._webhook_urls = webhook_urls
        self._woken = woken

    async def create(self, thread_id: ThreadId | None, wanted: CronWanted) -> Cron:
        """Raises NotFound for an unknown thread or assistant, Unprocessable for a schedule or time
        zone that is none, and for a cron that would never fire.
        """
        check_webhook(wanted.payload.get("webhook"), self._webhook_urls)
        if thread_id is not None:
            await self._threads.get(thread_id)
        assistant = await self._resolve_assistant(wanted.assistant)
        cron_id = new_cron_id()
        caller = self._access.caller
        asked = {
            "cron_id": cron_id,
            "assistant_id": assistant.assistant_id,
            "thread_id": thread_id,
            "user_id": caller.record.identity if caller else None,
            "payload": wanted.payload,
            "schedule": wanted.schedule,
            "end_time": wanted.end_time,
            "metadata": dict(wanted.metadata),
        }
        await self._access.authorize("crons", "create", asked)
        due = due_after(datetime.now(UTC), wanted.schedule, wanted.timezone, wanted.end_time)
        if due is None:
            raise Unprocessable(
                f"end_time: {wanted.end_time} is before the schedule's next time, "
                "so the cron would never fire."
            )
        cron = await self._crons.create(
            NewCron(
                cron_id=cron_id,
                assistant_id=assistant.assistant_id,
                thread_id=thread_id,
                user_id=caller.record.identity if caller else None,
                caller=caller.configurable() if caller else {},
                schedule=wanted.schedule,
                timezone=wanted.timezone,
                end_time=wanted.end_time,
                enabled=wanted.enabled,
                on_run_completed=wanted.on_run_completed,
                catch_up=wanted.catch_up,
                payload=wanted.payload,
                metadata=metadata_of(asked),
                next_run_date=due,
            )
        )
        self._woken()
        return cron

    async def get(self, cron_id: CronId) -> Cron:
        """Raises NotFound."""
        asked = {"cron_id": cron_id, "metadata": {}}
        visible = await self._access.authorize("crons", "read", asked)
        return _found(await self._crons.get(cron_id, visible), cron_id)

    async def update(self, cron_id: CronId, change: CronChange) -> Cron:
        """Raises NotFound, and Unprocessable as `create` does."""
        check_webhook(change.payload.get("webhook"), self._webhook_urls)
        asked = {
            "cron_id": cron_id,
            "payload": change.payload,
            "schedule": change.fields.get("schedule"),
            "metadata": dict(change.fields.get("metadata") or {}),
        }
        visible = await self._access.authorize("crons", "update", asked)
        async with self._crons.locked(cron_id, visible) as locked:
            if locked is None:
                raise _unknown(cron_id)
            changed = await locked.replace(_changed(locked.cron, change, metadata_of(asked)))
        self._woken()
        return changed

    async def delete(self, cron_id: CronId) -> None:
        """Raises NotFound."""
        asked = {"cron_id": cron_id, "metadata": {}}
        visible = await self._access.authorize("crons", "delete", asked)
        if not await self._crons.delete(cron_id, visible):
            raise _unknown(cron_id)

    async def search(
        self,
        wanted: CronFilter,
        *,
        limit: int,
        offset: int,
        sort_by: CronOrder,
        sort_order: SortDirection,
    ) -> tuple[list[Cron], int]:
        """A page, and the number of all matches."""
        wanted = await self._as_far_as_visible(wanted, "search", limit=limit, offset=offset)
        page = await self._crons.search(
            wanted, limit=limit, offset=offset, sort_by=sort_by, sort_order=sort_order
        )
        return page, await self._crons.count(wanted)

    async def count(self, wanted: CronFilter) -> int:
        return await self._crons.count(
            await self._as_far_as_visible(wanted, "search", limit=0, offset=0)
        )

    async def firings(
        self, cron_id: CronId, *, limit: int, offset: int
    ) -> tuple[list[CronFiring], int]:
        """A page of what came of the cron's times, newest first, and how many there are.

        Raises NotFound.
        """
        await self.get(cron_id)
        page = await self._crons.firings(cron_id, limit=limit, offset=offset)
        return page, await self._crons.count_firings(cron_id)

    async def _as_far_as_visible(
        self, wanted: CronFilter, action: Action, *, limit: int, offset: int
    ) -> CronFilter:
        asked = {
            "assistant_id": wanted.assistant_id,
            "thread_id": wanted.thread_id,
            "metadata": dict(wanted.metadata or {}),
            "limit": limit,
            "offset": offset,
        }
        visible = await self._access.authorize("crons", action, asked)
        return replace(wanted, metadata=metadata_of(asked) or wanted.metadata, visible=visible)


def _changed(cron: Cron, change: CronChange, metadata: dict[str, Any]) -> Cron:
    changed = replace(
        cron,
        **{
            **change.fields,
            "payload": {**cron.payload, **change.payload},
            "metadata": {**cron.metadata, **metadata},
        },
    )
    return replace(changed, next_run_date=changed.fires_after(datetime.now(UTC)))


def _found(cron: Cron | None, cron_id: CronId) -> Cron:
    if cron is None:
        raise _unknown(cron_id)
    return cron


def _unknown(cron_id: CronId) -> NotFound:
    return NotFound(f"Cron {cron_id} does not exist.")
