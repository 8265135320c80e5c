"""The official conformance suite for checkpointers, run on ours."""

from collections.abc import AsyncIterator

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES
from langgraph.checkpoint.conformance.report import ProgressCallbacks

from joinstream.checkpoint import PostgresSaver
from joinstream.store.pool import create_pool


async def test_every_capability_of_the_official_suite_passes_and_none_is_skipped(
    database_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = await create_pool(database_uri, max_size=2)

    @checkpointer_test(name="joinstream")
    async def saver() -> AsyncIterator[PostgresSaver]:
        yield PostgresSaver(pool)

    with capsys.disabled():
        report = await validate(saver, progress=ProgressCallbacks.verbose())
        report.print_report()
    await pool.close()

    assert set(report.results) == {capability.value for capability in ALL_CAPABILITIES}
    for name, result in report.results.items():
        assert result.detected, f"{name} was not detected"
        assert result.failures == [], name
        assert result.passed, name
        assert result.tests_skipped == 0, name
