"""OpenTelemetry traces: from a request through the queue to its run, nodes, models and tools.

Without `set_up_tracing` every span is one that does nothing. The context of the request that made a
run travels with the run, in W3C form, under the names that the official server uses.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from opentelemetry import context, propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from joinstream.errors import StartupError

_tracer = trace.get_tracer("joinstream")
_CARRIED = {"traceparent": "__otel_traceparent__", "tracestate": "__otel_tracestate__"}
_FAILED = frozenset({"error", "timeout"})


def set_up_tracing() -> None:
    """Send spans to where the standard OTEL_ variables say. Raises StartupError without the extra.

    Once a process; a provider that somebody else has set up stays.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise StartupError(
            "Tracing is on, and its packages are missing: pip install 'joinstream[otel]', or set "
            "OTEL_ENABLED=false."
        ) from None
    if is_tracing():
        return
    resource = Resource.create({"service.name": "joinstream"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def is_tracing() -> bool:
    """Whether anybody gets to see the spans."""
    return hasattr(trace.get_tracer_provider(), "add_span_processor")


def flush_traces() -> None:
    """Send what is still to be sent, before the process goes."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush(2000)


@contextmanager
def request_span(method: str, headers: Mapping[str, str]) -> Iterator[Span]:
    """The span of a request, below that of whoever made it."""
    parent = propagate.extract(headers)
    with _tracer.start_as_current_span(method, parent, SpanKind.SERVER) as span:
        span.set_attribute("http.request.method", method)
        yield span


def carried() -> dict[str, str]:
    """The current context as a run's `configurable` carries it; empty when nobody traces."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {_CARRIED[name]: value for name, value in carrier.items() if name in _CARRIED}


@contextmanager
def run_span(configurable: Mapping[str, Any], **attributes: Any) -> Iterator[None]:
    """The span of an attempt at a run, below the request that created it."""
    carrier = {name: str(configurable.get(key) or "") for name, key in _CARRIED.items()}
    parent = propagate.extract(carrier)
    with _tracer.start_as_current_span("worker.stream_run", parent, SpanKind.CONSUMER) as span:
        span.set_attributes({name: str(value) for name, value in attributes.items()})
        yield


def run_has_ended(status: str, error: Mapping[str, Any] | None) -> None:
    """Say so on the current span."""
    span = trace.get_current_span()
    span.set_attribute("joinstream.status", status)
    if status in _FAILED:
        span.set_status(Status(StatusCode.ERROR, (error or {}).get("error", status)))


def graph_callbacks() -> list[BaseCallbackHandler]:
    """What to give a graph so that its nodes, models and tools have spans; none for nobody."""
    return [_GraphSpans(context.get_current())] if is_tracing() else []


class _GraphSpans(BaseCallbackHandler):
    """A span for each node, model and tool of one execution. It never sees what they are given."""

    run_inline = True

    def __init__(self, parent: context.Context) -> None:
        self._parent = parent
        self._open: dict[UUID, Span] = {}
        self._above: dict[UUID, UUID | None] = {}

    def _start(self, kind: str, name: str, run_id: UUID, parent_run_id: UUID | None) -> None:
        above = parent_run_id
        while above is not None and above not in self._open:
            above = self._above.get(above)
        parent = trace.set_span_in_context(self._open[above]) if above else self._parent
        span = _tracer.start_span(f"{kind} {name}", parent)
        self._open[run_id] = span

    def _end(self, run_id: UUID, error: BaseException | None = None) -> None:
        self._above.pop(run_id, None)
        if (span := self._open.pop(run_id, None)) is None:
            return
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        span.end()

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        name: str | None = None,
        **_: Any,
    ) -> None:
        self._above[run_id] = parent_run_id
        if name and name == (metadata or {}).get("langgraph_node"):
            self._start("node", name, run_id, parent_run_id)

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        name: str | None = None,
        **_: Any,
    ) -> None:
        self._start("model", name or "chat", run_id, parent_run_id)

    def on_tool_start(
        self,
        serialized: Any,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        name: str | None = None,
        **_: Any,
    ) -> None:
        self._start("tool", name or (serialized or {}).get("name", ""), run_id, parent_run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, error)

    def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, error)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, error)
