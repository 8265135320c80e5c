"""The use cases over these backends, put together for one API process."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from joinstream.backends import Backends
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import AssistantId, ThreadId
from joinstream.domain.run_request import RunRequest
from joinstream.encryption.access import NotingAccess
from joinstream.errors import NotFound
from joinstream.http.parse import validated
from joinstream.http.schemas.runs import RunCreate
from joinstream.mounting.config import http_config
from joinstream.ports.access import Access
from joinstream.project import Project
from joinstream.project.webhooks import webhooks_config
from joinstream.services import Services
from joinstream.services.assistant_graphs import AssistantGraphs
from joinstream.services.assistant_removal import AssistantRemoval
from joinstream.services.assistants import Assistants
from joinstream.services.cron_scheduler import CronScheduler
from joinstream.services.crons import Crons
from joinstream.services.items import Items
from joinstream.services.run_creation import LocalWorker, ResolveAssistant, RunCreation
from joinstream.services.run_streams import RunStreams
from joinstream.services.runs import Runs
from joinstream.services.set_aside import SetAsideRuns
from joinstream.services.state_updates import StateUpdates
from joinstream.services.thread_commands import ThreadCommands
from joinstream.services.thread_events import ThreadEvents
from joinstream.services.thread_states import ThreadStates
from joinstream.services.thread_streams import ThreadStreams
from joinstream.services.threads import Threads
from joinstream.services.webhooks import Webhooks
from joinstream.settings import Settings
from joinstream.store.assistants import PostgresAssistants


def make_services(
    settings: Settings,
    project: Project,
    backends: Backends,
    access: Access,
    local_worker: LocalWorker | None,
) -> Services:
    """The use cases over these backends."""
    bus, checkpoints = backends.bus, backends.checkpoints
    project = project.with_store(backends.store)
    switched_off = http_config(project.config).disable_webhooks
    webhook_urls = None if switched_off else webhooks_config(project.config).url_policy()
    if backends.ciphers.fields is not None:
        access = NotingAccess(access)
    thread_store = backends.stores.threads(checkpoints.saver_on, settings.ttl_of_new_threads)
    announce_update = StateUpdates(bus.events).announce
    thread_states = ThreadStates(
        thread_store, backends.runs, checkpoints, project, access, announce_update
    )
    thread_service = Threads(thread_store, thread_states, bus.signals, bus.events, access)
    assistant_store = backends.stores.assistants()
    assistant_service = Assistants(assistant_store, project, access)
    run_creation = RunCreation(
        backends.runs, assistant_service.resolve, bus.signals, access, webhook_urls, local_worker
    )
    run_service = Runs(backends.runs, bus.signals, bus.events, checkpoints, access)

    cron_store = backends.stores.crons()
    scheduler = CronScheduler(
        cron_store,
        replace(run_creation, resolve_assistant=_by_id_in(assistant_store)),
        _request_of,
        bus.signals,
        settings.cron_scheduler_sleep_time,
    )

    async def current_values(thread_id: ThreadId) -> object:
        return (await thread_states.read(thread_id, {}, subgraphs=False))["values"]

    run_streams = RunStreams(
        run_creation,
        run_service,
        backends.runs,
        bus.events,
        bus.hub,
        current_values,
        settings.heartbeat_seconds,
    )

    return Services(
        assistants=assistant_service,
        assistant_graphs=AssistantGraphs(project, access),
        assistant_removal=AssistantRemoval(assistant_service, run_service, thread_service),
        threads=thread_service,
        thread_states=thread_states,
        run_creation=run_creation,
        runs=run_service,
        set_aside_runs=SetAsideRuns(backends.runs, bus.signals, access),
        run_streams=run_streams,
        thread_events=ThreadEvents(
            backends.runs,
            thread_store,
            bus.events,
            bus.hub,
            access,
            settings.heartbeat_seconds,
        ),
        thread_commands=ThreadCommands(
            run_creation, run_streams, run_service, backends.runs, thread_service
        ),
        thread_streams=ThreadStreams(
            thread_service, bus.events, bus.hub, current_values, settings.heartbeat_seconds
        ),
        crons=Crons(
            cron_store,
            assistant_service.resolve,
            thread_service,
            access,
            webhook_urls,
            scheduler.wake,
        ),
        cron_scheduler=scheduler,
        webhooks=Webhooks(backends.stores.webhooks(), access),
        items=Items(backends.store, access, filters_are_ignored=settings.auth_default_allow),
        project=project,
    )


def _by_id_in(assistants: PostgresAssistants) -> ResolveAssistant:
    """Finds an assistant for the server itself, whoever it belongs to."""

    async def resolve(assistant_id: str) -> Assistant:
        found = await assistants.get(AssistantId(UUID(assistant_id)), None)
        if found is None:
            raise NotFound(f"Assistant {assistant_id} does not exist.")
        return found

    return resolve


def _request_of(payload: dict[str, Any]) -> RunRequest:
    return validated(payload, RunCreate).request()
