"""Traces: one tree from the request to the nodes of its run."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.waiting import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    """OpenTelemetry has one provider for a process, and for good."""
    exporter = InMemorySpanExporter()
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    provider: Any = trace.get_tracer_provider()
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    yield exporter
    processor.shutdown()


@pytest.fixture
async def api(exporter: InMemorySpanExporter, database_uri: str) -> AsyncIterator[Api]:
    async with running_api(database_uri, config=TEST_GRAPHS, worker=True) as running:
        exporter.clear()
        yield running


async def spans_of_trace(exporter: InMemorySpanExporter, last: str) -> dict[str, ReadableSpan]:
    """By name, once the span with this name has ended."""

    async def found() -> dict[str, ReadableSpan] | None:
        spans = {
            span.name: span
            for span in exporter.get_finished_spans()
            if f"{span.context.trace_id:032x}" == TRACE
        }
        return spans if last in spans else None

    return await eventually(found)


def parent_of(spans: dict[str, ReadableSpan], name: str) -> str | None:
    parent = spans[name].parent
    assert parent is not None
    by_id = {span.context.span_id: span.name for span in spans.values()}
    return by_id.get(parent.span_id)


async def test_a_request_its_run_its_nodes_and_models_are_one_trace(
    api: Api, exporter: InMemorySpanExporter
) -> None:
    await api.http.post(
        "/runs/wait",
        json={"assistant_id": "chat", "input": {"messages": [{"role": "user", "content": "hi"}]}},
        headers=CALLER,
    )
    spans = await spans_of_trace(exporter, "worker.stream_run")
    request, run = spans["POST /runs/wait"], spans["worker.stream_run"]
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "b7ad6b7169203331"
    assert (request.attributes or {})["http.response.status_code"] == 200
    assert parent_of(spans, "worker.stream_run") == "POST /runs/wait"
    assert {"run_id", "thread_id", "attempt", "graph_id"} <= (run.attributes or {}).keys()
    assert (run.attributes or {})["joinstream.status"] == "success"
    nodes = [name for name in spans if name.startswith("node ")]
    models = [name for name in spans if name.startswith("model ")]
    assert nodes
    assert models
    assert parent_of(spans, nodes[0]) == "worker.stream_run"
    assert parent_of(spans, models[0]) in nodes


async def test_a_failed_run_is_a_failed_span_without_its_message(
    api: Api, exporter: InMemorySpanExporter
) -> None:
    await api.http.post(
        "/runs/wait",
        json={"assistant_id": "faulty", "input": {"verb": "raise"}},
        headers=CALLER,
    )
    run = (await spans_of_trace(exporter, "worker.stream_run"))["worker.stream_run"]
    assert run.status.status_code is StatusCode.ERROR
    assert run.status.description == "ValueError"


async def test_a_client_cannot_put_itself_into_a_trace_by_its_config(api: Api) -> None:
    forged: Any = {"configurable": {"__otel_traceparent__": CALLER["traceparent"]}}
    run: Any = await api.client.runs.create(None, "echo", config=forged, after_seconds=3600)
    carried = run["kwargs"]["config"]["configurable"]["__otel_traceparent__"]
    assert TRACE not in carried
