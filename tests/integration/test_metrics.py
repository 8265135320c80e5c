"""What the server counts, as Prometheus reads it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.api import TEST_GRAPHS, Api, running_api


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    async with running_api(
        database_uri, config=TEST_GRAPHS, worker=True, bg_job_shutdown_grace_period_secs=0.1
    ) as running:
        yield running


class Counted(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """Samples by name and labels; the process' other tests have counted too."""

    def of(self, name: str, **labels: str) -> float:
        return self.get((name, frozenset(labels.items())), 0.0)


async def counted(api: Api) -> Counted:
    answer = await api.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return Counted(
        ((sample.name, frozenset(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    )


async def test_requests_are_counted_by_route_not_by_path(api: Api) -> None:
    before = await counted(api)
    thread = await api.client.threads.create()
    await api.client.threads.get(thread["thread_id"])
    await api.http.get("/no/such/path")
    after = await counted(api)
    assert thread["thread_id"] not in str(after)
    for labels in (
        {"method": "GET", "path": "/threads/{thread_id}", "status": "200"},
        {"method": "GET", "path": "other", "status": "404"},
    ):
        name = "lg_api_http_requests_total"
        assert after.of(name, **labels) == before.of(name, **labels) + 1
    latency = "lg_api_http_requests_latency_count"
    route = {"method": "GET", "path": "/threads/{thread_id}"}
    assert after.of(latency, **route) == before.of(latency, **route) + 1


async def test_runs_streams_and_workers_are_counted(api: Api) -> None:
    before = await counted(api)
    async for _ in api.client.runs.stream(None, "echo", input={"text": "hi"}):
        pass
    thread = await api.client.threads.create()
    await api.client.runs.wait(
        thread["thread_id"], "faulty", input={"verb": "raise"}, raise_error=False
    )
    after = await counted(api)

    def more(name: str, **labels: str) -> float:
        return after.of(name, **labels) - before.of(name, **labels)

    assert more("joinstream_runs_ended_total", graph_id="echo", status="success") == 1
    assert more("joinstream_runs_ended_total", graph_id="faulty", status="error") == 1
    assert more("lg_api_run_attempt_started_counter_total") == 2
    assert more("lg_api_run_execution_latency_count") == 2
    assert more("lg_api_run_queue_wait_time_1st_attempt_count") == 2
    assert more("joinstream_runs_claimed_total", how="creation") == 2
    assert more("joinstream_stream_time_to_first_event_seconds_count") == 1
    assert after.of("lg_api_workers_max") == 10
    assert after.of("lg_api_workers_active") == 0
    assert after.of("lg_api_workers_available") == 10
    assert after.of("joinstream_stream_readers") == 0


async def test_the_queue_is_measured_when_it_is_asked_for(api: Api) -> None:
    thread = await api.client.threads.create()
    await api.client.runs.create(thread["thread_id"], "faulty", input={"verb": "hang"})
    await api.client.runs.create(thread["thread_id"], "echo", input={"text": "behind"})
    await api.client.runs.create(None, "echo", after_seconds=3600)
    figures = await counted(api)
    assert figures.of("lg_api_num_running_runs") == 1
    assert figures.of("lg_api_num_pending_runs") == 2
    assert figures.of("joinstream_queue_longest_wait_seconds") > 0
    assert figures.of("joinstream_queue_longest_unblocked_wait_seconds") == 0
    as_json: Any = (await api.http.get("/metrics", params={"format": "json"})).json()
    assert as_json["queue"]["n_pending"] == 2
    assert as_json["queue"]["pending_runs_wait_time_max_secs"] > 0
    assert as_json["queue"]["pending_unblocked_runs_wait_time_max_secs"] is None
    assert as_json["workers"] == {"max": 10, "active": 1, "available": 9}
    assert {"method", "path", "status", "count"} == set(as_json["api"]["http_requests_total"][0])


async def test_another_format_is_a_mistake(api: Api) -> None:
    answer = await api.http.get("/metrics", params={"format": "xml"})
    assert (answer.status_code, answer.json()["detail"][:7]) == (422, "format:")
