"""The use cases, one class per resource. Transactions begin and end here.

A service takes ids and validated values, never a request; it raises `RequestError`s and returns
values that `joinstream.encoding` can write.
"""

from dataclasses import dataclass

from joinstream.project import Project
from joinstream.services.assistant_graphs import AssistantGraphs
from joinstream.services.assistant_removal import AssistantRemoval
from joinstream.services.assistants import Assistants
from joinstream.services.cron_scheduler import CronScheduler
from joinstream.services.crons import Crons
from joinstream.services.figures import Figures
from joinstream.services.health import Health
from joinstream.services.items import Items
from joinstream.services.run_creation import RunCreation
from joinstream.services.run_streams import RunStreams
from joinstream.services.runs import Runs
from joinstream.services.set_aside import SetAsideRuns
from joinstream.services.thread_commands import ThreadCommands
from joinstream.services.thread_events import ThreadEvents
from joinstream.services.thread_states import ThreadStates
from joinstream.services.thread_streams import ThreadStreams
from joinstream.services.threads import Threads
from joinstream.services.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Vitals:
    """What those ask who watch a process."""

    health: Health
    figures: Figures


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a handler may call; put together in app.py."""

    assistants: Assistants
    assistant_graphs: AssistantGraphs
    assistant_removal: AssistantRemoval
    threads: Threads
    thread_states: ThreadStates
    run_creation: RunCreation
    runs: Runs
    set_aside_runs: SetAsideRuns
    run_streams: RunStreams
    thread_streams: ThreadStreams
    thread_events: ThreadEvents
    thread_commands: ThreadCommands
    crons: Crons
    cron_scheduler: CronScheduler
    webhooks: Webhooks
    items: Items
    project: Project
