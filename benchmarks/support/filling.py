"""Tables as a busy installation has them: threads of many owners, their runs, and a backlog.

Everything follows from its number, so that two databases of one size are alike. Rows lie on disk in
another order than that in which they were used.
"""

from dataclasses import dataclass
from hashlib import md5
from typing import Final
from uuid import UUID

import asyncpg

from joinstream.domain.ids import RunId, ThreadId

ASSISTANTS: Final = 8


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows there are; `pending` of the runs wait, half of them stateless."""

    threads: int
    runs: int
    pending: int

    @property
    def owners(self) -> int:
        """Each has 50 threads, as far as there are that many."""
        return max(2, self.threads // 50)

    @property
    def long_threads(self) -> int:
        """Threads with `runs_of_a_long_thread`, of which every tenth failed."""
        return max(1, self.runs // 100_000)

    @property
    def runs_of_a_long_thread(self) -> int:
        return min(1_000, self.runs // 10)

    @property
    def waiting_threads(self) -> int:
        """Threads with a backlog: of ten runs each."""
        return self.pending // 20


def thread_id(number: int) -> ThreadId:
    """Of the thread with this number, counted from 1."""
    return ThreadId(_named(f"thread {number}"))


def run_id(number: int) -> RunId:
    """Of the ended run with this number, counted from 1."""
    return RunId(_named(f"run {number}"))


def _named(text: str) -> UUID:
    return UUID(bytes=md5(text.encode(), usedforsecurity=False).digest())


_ASSISTANT = "md5('assistant ' || {number} % 8)::uuid"
_THREADS = f"""
insert into threads (thread_id, status, metadata, config, "values", created_at, updated_at,
                     state_updated_at)
select md5('thread ' || n)::uuid,
       case when n <= $3 then 'busy' when n % 100 = 0 then 'interrupted'
            when n % 100 = 1 then 'error' else 'idle' end,
       jsonb_build_object('graph_id', 'graph ' || n % 8,
                          'assistant_id', {_ASSISTANT.format(number="n")},
                          'owner', 'user ' || n % $2, 'closed', n % 50 = 0),
       '{{"configurable": {{}}}}',
       jsonb_build_object('last', 'text ' || n % $2, 'messages', jsonb_build_array(
           jsonb_build_object('type', 'human', 'content', md5(n::text)),
           jsonb_build_object('type', 'ai', 'content', repeat(md5((n + 1)::text), 25)))),
       used - interval '1 day', used, used
from generate_series(1, $1::int) as n,
     lateral (select now() - (n * 7919::bigint % $1) * interval '1 min' as used) as times
"""
_ENDED = f"""
insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, status, attempt, epoch,
                  kwargs, metadata, created_at, updated_at, started_at, ended_at, user_id)
select md5('run ' || n)::uuid, md5('thread ' || thread)::uuid, false,
       {_ASSISTANT.format(number="thread")}, 'graph ' || thread % 8,
       case when position_in_thread % 10 = 0 then 'error'
            when position_in_thread % 10 = 1 then 'interrupted' else 'success' end,
       1, n, jsonb_build_object('input', jsonb_build_object('messages', repeat(md5(n::text), 12)),
                                'config', '{{"configurable": {{}}}}'::jsonb),
       jsonb_build_object('owner', 'user ' || thread % $3, 'graph_id', 'graph ' || thread % 8),
       ended, ended, ended, ended, 'user ' || thread % $3
from generate_series(1, $1::int) as n,
     lateral (select case when n <= $4::int * $5::int then 1 + n % $4::int
                          else 1 + n * 7919::bigint % $2 end as thread,
                     case when n <= $4::int * $5::int then n / $4::int
                          else n / $2 + 2 end as position_in_thread,
                     now() - interval '1 hour' - (n * 31::bigint % $1) * interval '10 s' as ended
     ) as of
"""
_PENDING = f"""
insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, status, blocked, run_after,
                  kwargs, metadata, created_at, updated_at, user_id)
select md5('pending ' || n)::uuid,
       case when n % 2 = 0 then md5('alone ' || n)::uuid else md5('thread ' || thread)::uuid end,
       n % 2 = 0, {_ASSISTANT.format(number="thread")}, 'graph ' || thread % 8, 'pending',
       n % 2 = 1 and n > 2 * $2, case when n % 20 = 2 then due + interval '1 day' else due end,
       jsonb_build_object('input', jsonb_build_object('messages', repeat(md5(n::text), 12)),
                          'config', '{{"configurable": {{}}}}'::jsonb),
       jsonb_build_object('owner', 'user ' || thread % $3), due, due, 'user ' || thread % $3
from generate_series(1, $1::int) as n,
     lateral (select 1 + n / 2 % $2 as thread,
                     now() - interval '1 hour' + n * interval '1 ms' as due) as of
"""


async def fill(uri: str, size: Size) -> None:
    """Into a migrated database without rows."""
    connection = await asyncpg.connect(uri)
    try:
        waiting, owners = size.waiting_threads, size.owners
        await connection.execute(_THREADS, size.threads, owners, waiting)
        await connection.execute(
            _ENDED,
            size.runs - size.pending,
            size.threads,
            owners,
            size.long_threads,
            size.runs_of_a_long_thread,
        )
        await connection.execute(_PENDING, size.pending, waiting, owners)
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
