"""What a server costs while nobody asks it for anything: CPU a second, of every process it has.

A laptop has `dev` running all day, and what polls without need shows nowhere else.
"""

import asyncio
from collections.abc import AsyncIterator

from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement, Mode

SETTLING_SECONDS = 5.0
SECONDS = 15.0
A_HUNDREDTH = Aim(0.01, "< 1 % of a core")


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    for mode in lab.modes:
        server = lab.server(mode)
        await asyncio.sleep(SETTLING_SECONDS)
        before = server.cpu()
        await asyncio.sleep(SECONDS)
        cpu = server.cpu().since(before)
        yield _a_second("CPU", mode, cpu.server, A_HUNDREDTH)
        yield _a_second("Postgres CPU", mode, cpu.postgres, A_HUNDREDTH)
        if mode == "redis":
            yield _a_second("Redis CPU", mode, cpu.redis, A_HUNDREDTH)


def _a_second(who: str, mode: Mode, seconds: float, aim: Aim) -> Measurement:
    return Measurement("idle", f"{who} a second", mode, seconds / SECONDS, "seconds", aim=aim)
