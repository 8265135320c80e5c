"""Commands and their options."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from joinstream import __version__
from joinstream.processes.exits import leave, one_line_errors

app = typer.Typer(
    name="joinstream",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DEV_PORT = 2024
SERVE_PORT = 8000
THIS_MACHINE = "127.0.0.1"

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port; 0 takes a free one.", show_default=False),
]
Config = Annotated[Path, typer.Option(help="The project's langgraph.json.")]
JobsPerWorker = Annotated[
    int | None,
    typer.Option(min=1, help="Runs executed at a time; N_JOBS_PER_WORKER.", show_default="10"),
]
DEFAULT_CONFIG = Path("langgraph.json")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"joinstream {__version__}")
        raise typer.Exit


@app.callback()
def options_of_all(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Runs LangGraph graphs as durable background runs, with streams to leave and rejoin."""


def main() -> None:
    """Entry point of the distribution."""
    with one_line_errors():
        app()


@app.command()
def dev(
    host: Host = THIS_MACHINE,
    port: Port = None,
    config: Config = DEFAULT_CONFIG,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where the embedded Postgres keeps its data.", show_default=".joinstream"
        ),
    ] = None,
    jobs_per_worker: JobsPerWorker = None,
    reload: Annotated[
        bool,
        typer.Option("--reload/--no-reload", help="Start anew when the project's files change."),
    ] = True,
) -> None:
    """Everything for development, in one command: API, worker, Postgres. Port 2024."""
    from joinstream.processes.dev_options import DevOptions, choose_data_dir, short_grace_seconds
    from joinstream.processes.listening import listen
    from joinstream.settings import load_settings

    settings = load_settings(port=port, bg_job_shutdown_grace_period_secs=short_grace_seconds())
    listener = listen(host, _port(settings.port, DEV_PORT))
    options = DevOptions(config, choose_data_dir(data_dir), jobs_per_worker)
    if reload:
        from joinstream.observe.logging import configure_logging
        from joinstream.processes.dev import run_with_reload

        configure_logging(settings.log_level, as_json=settings.log_json, color=settings.log_color)
        leave(run_with_reload(options, listener, settings.bg_job_shutdown_grace_period_secs))
    from joinstream.processes.dev_server import run_dev_server

    run_dev_server(options, listener)
    leave(0)


@app.command()
def serve(
    host: Host = THIS_MACHINE,
    port: Port = None,
    config: Config = DEFAULT_CONFIG,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, help="Worker processes; 0 for an API only; JOINSTREAM_WORKERS.", show_default="1"
        ),
    ] = None,
) -> None:
    """The API and its workers, over DATABASE_URI and REDIS_URI. Port 8000."""
    from joinstream.observe.sharing import counting_together
    from joinstream.processes.listening import listen
    from joinstream.settings import load_settings

    listener = listen(host, _port(load_settings(port=port).port, SERVE_PORT))
    with counting_together():
        from joinstream.processes.serve import run_server

        run_server(config, listener, workers)
    leave(0)


@app.command()
def worker(
    host: Host = THIS_MACHINE,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port for /ok and /metrics, 0 takes a free one; JOINSTREAM_WORKER_PORT.",
            show_default="none",
        ),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    jobs_per_worker: JobsPerWorker = None,
) -> None:
    """One worker without an API, over DATABASE_URI and REDIS_URI."""
    from joinstream.processes.listening import listen
    from joinstream.processes.worker import run_worker
    from joinstream.settings import load_settings

    wanted = load_settings(worker_port=port).worker_port
    listener = None if wanted is None else listen(host, wanted)
    run_worker(config, jobs_per_worker, listener=listener)
    leave(0)


@app.command()
def migrate(
    config: Config = DEFAULT_CONFIG,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 when something is missing.")
    ] = False,
) -> None:
    """Bring the database of DATABASE_URI to the schema of this release."""
    from joinstream.cli.migrate import run_migrate

    raise typer.Exit(run_migrate(config, check_only=check))


@app.command()
def doctor(config: Config = DEFAULT_CONFIG) -> None:
    """Check Python, the project, Postgres and Redis, and say how to mend what is wrong."""
    from joinstream.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(config))


@app.command()
def storage(
    config: Config = DEFAULT_CONFIG,
    top: Annotated[int, typer.Option(min=0, help="How many of the biggest threads to list.")] = 10,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show instead what the next sweep would remove."),
    ] = False,
) -> None:
    """Show what threads, checkpoints and runs take in the database of DATABASE_URI."""
    from joinstream.cli.storage import run_storage

    raise typer.Exit(run_storage(config, top=top, dry_run=dry_run))


runs = typer.Typer(
    help="Find and retry the runs that were set aside because worker after worker died of them.",
    no_args_is_help=True,
)
app.add_typer(runs, name="runs")


@runs.command("set-aside")
def set_aside(
    limit: Annotated[int, typer.Option(min=1, help="How many of the latest to list.")] = 20,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """List the runs in the database of DATABASE_URI that were set aside."""
    from joinstream.cli.runs import list_set_aside

    raise typer.Exit(list_set_aside(config, limit=limit))


@runs.command()
def retry(
    run_ids: Annotated[list[UUID], typer.Argument(help="Runs that were set aside.", metavar="RUN")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Put runs back into the queue, with new attempts, to go on from their last checkpoints."""
    from joinstream.cli.runs import retry_runs

    raise typer.Exit(retry_runs(config, run_ids))


encryption = typer.Typer(help="Change the key that fields and checkpoints are encrypted with.")
app.add_typer(encryption, name="encryption")


@encryption.callback()
def _of_encryption() -> None:
    """Has its commands called by their names, also while there is one."""


@encryption.command()
def rotate(config: Config = DEFAULT_CONFIG) -> None:
    """Encrypt with LANGGRAPH_AES_KEY what the keys of LANGGRAPH_AES_FALLBACK_KEYS have encrypted.

    The server may run meanwhile. What is interrupted is gone on with when it is run again.
    """
    from joinstream.cli.encryption import run_rotate

    raise typer.Exit(run_rotate(config))


@app.command("import")
def import_threads(
    source: Annotated[
        str, typer.Option("--from", help="Address of the Postgres to copy from.", metavar="URI")
    ],
    schema: Annotated[
        str, typer.Option(help="Its schema with the tables of langgraph-checkpoint-postgres.")
    ] = "public",
    graph: Annotated[
        str | None,
        typer.Option(
            help="The graph of threads whose checkpoints name none of the project.",
            show_default=False,
        ),
    ] = None,
    keep_metadata: Annotated[
        list[str] | None,
        typer.Option(
            help="A key of checkpoint metadata to keep as metadata of the thread.",
            metavar="KEY",
            show_default=False,
        ),
    ] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Copy threads from langgraph-checkpoint-postgres to DATABASE_URI. Run it again to go on."""
    from joinstream.cli.import_threads import run_import

    raise typer.Exit(run_import(config, source, schema, graph, keep_metadata or []))


@app.command()
def tail(
    run_id: Annotated[UUID, typer.Argument(help="The run to follow.", metavar="RUN")],
    thread_id: Annotated[
        UUID | None,
        typer.Option("--thread", help="Its thread; the server knows it too.", show_default=False),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Where the API is; JOINSTREAM_URL.",
            show_default=f"http://{THIS_MACHINE}:{DEV_PORT}",
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(help="Only events of this stream mode; may be repeated.", show_default=False),
    ] = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="The current state and what is new, not the run's start."),
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Do not cut lines to fit the terminal.")
    ] = False,
) -> None:
    """Print the events of a run as they happen; exit code 0 when it ends with success, else 1."""
    from joinstream.cli.tail import run_tail

    raise typer.Exit(run_tail(url, run_id, thread_id, mode or [], live=live, whole=whole))


def _port(given: int | None, default: int) -> int:
    return default if given is None else given
