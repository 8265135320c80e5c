"""Whether the services this process stands on answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import structlog

log = structlog.get_logger(__name__)

Probe = Callable[[], Awaitable[object]]
"""Raises when its service does not answer."""

Verdict = Literal["healthy", "unhealthy"]

PROBE_SECONDS = 3.0


class Health:
    """Asks every backing service at once, each for at most PROBE_SECONDS."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes

    async def check(self) -> dict[str, Verdict]:
        """The verdict on each service by name. Never raises."""
        verdicts = await asyncio.gather(*(self._ask(name) for name in self._probes))
        return dict(zip(self._probes, verdicts, strict=True))

    async def _ask(self, name: str) -> Verdict:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._probes[name]()
        except Exception as error:
            log.warning("service unhealthy", service=name, error=repr(error))
            return "unhealthy"
        return "healthy"
