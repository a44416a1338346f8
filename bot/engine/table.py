"""Our table of accepted jobs, beside the tables of DBOS in one database. Knows no engine library.

DBOS says how far a job has come; this table says what was accepted, in which order, and why a job waits. Its queues
could not: partitions (one job at a time for each key) go by a time that SQLite gives in whole seconds, and within one
by id; and a job that sleeps keeps its place and its partition. So a queue of DBOS hands jobs out in turn, and each
passes `enter`: it goes to sleep, without a place, while one with its key is before it. What is written into the table
of DBOS here (status DELAYED and back) is what DBOS itself writes there; the contract tests would notice a change.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.engine.port import JobStatus, Queue, State

STATES: Final[Mapping[str, State]] = {
    "ENQUEUED": "queued",
    "DELAYED": "queued",
    "PENDING": "running",
    "SUCCESS": "done",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}

_ENDED: Final = [theirs for theirs, ours in STATES.items() if ours not in ("queued", "running")]
_BATCH: Final = 64
_CREATE_LOCK: Final = 0x5EEDBED


class JobTable:
    """What we read and write of jobs by SQL. Times are seconds since 1970."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._insert = sqlite.insert if self._sqlite else postgresql.insert
        self._meta = sa.MetaData()
        self._jobs = _jobs(self._meta)
        self._ticks = _ticks(self._meta)
        theirs = sa.MetaData(schema=None if self._sqlite else "dbos")
        self._status = _columns(
            sa.Table("workflow_status", theirs, sa.Column("workflow_uuid", sa.Text, primary_key=True)),
            text=("status", "executor_id", "owner_xid", "application_version"),
            integers=("started_at_epoch_ms", "recovery_attempts", "delay_until_epoch_ms", "completed_at"),
        )
        self._output = _columns(
            sa.Table("workflow_output", theirs, sa.Column("workflow_uuid", sa.Text, primary_key=True)),
            text=("output", "error"),
        )
        self._steps = _columns(
            sa.Table("operation_outputs", theirs, sa.Column("workflow_uuid", sa.Text, primary_key=True)),
            integers=("function_id",),
        )
        # Built once: to build these takes longer than to run them, ten times a second.
        new = self._insert(self._jobs).on_conflict_do_nothing(index_elements=["id"])
        self._accept = new.returning(self._jobs.c.number)
        self._ready = self._ready_query()
        free = self._jobs.c.entered | ~self._in_the_way(self._jobs.c).exists()
        mine = self._jobs.c.id == sa.bindparam("job")
        self._enter = sa.update(self._jobs).where(mine, free).values(entered=True, wait=None)

    def create(self) -> None:
        """Create our tables where they are missing; safe to race."""
        with self._engine.begin() as connection:
            if not self._sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATE_LOCK)))
            self._meta.create_all(connection)

    def accept(self, connection: sa.Connection, *, id: str, name: str, queue: str, key: str, delay_s: float) -> bool:
        """Note a job as accepted in the caller's transaction. False if one with this id was; of two racing, one is."""
        now = time.time()
        row = {"id": id, "name": name, "queue": queue, "key": key, "accepted_at": now}
        later = {"wait": "delay", "due": now + delay_s} if delay_s > 0 else {"wait": None, "due": None}
        return connection.execute(self._accept, row | later).first() is not None

    def find(self, id: str) -> JobStatus | None:
        """One job with its result."""
        found = self._list(self._jobs.c.id == id, limit=1)
        return found[0] if found else None

    def find_all(self, states: Collection[State], key: str, limit: int) -> list[JobStatus]:
        """Newest first."""
        wanted = [theirs for theirs, ours in STATES.items() if ours in states]
        where: list[sa.ColumnElement[bool]] = [self._status.c.status.in_(wanted)] if states else []
        if key:
            where.append(self._jobs.c.key == key)
        return self._list(*where, limit=limit)

    def state(self, id: str) -> State | None:
        """How far a job is, cheaply."""
        query = sa.select(self._status.c.status).where(self._status.c.workflow_uuid == id)
        with self._engine.connect() as connection:
            status = connection.execute(query).scalar()
        return STATES[status] if status else None

    def enter(self, id: str, queue: str, key: str) -> bool:
        """Let a job that was handed out begin, or put it to sleep until no job of its queue with its key is before it.

        One that began before goes on: it keeps the key while it waits for something else, and over restarts.
        """
        jobs = self._jobs
        with self._engine.begin() as connection:
            if not self._sqlite:  # on SQLite the UPDATE below takes the one lock that there is
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"{queue} {key}"))))
            if connection.execute(self._enter, {"job": id}).rowcount:
                return True
            self._sleep(connection, id, None, self._status.c.recovery_attempts - 1)
            connection.execute(sa.update(jobs).where(jobs.c.id == id).values(wait="key"))
        return False

    def wait(self, id: str, until: float) -> None:
        """Put a running job to sleep; it keeps its key. That it got so far clears it of killing workers."""
        with self._engine.begin() as connection:
            self._sleep(connection, id, int(until * 1000), 0)
            connection.execute(sa.update(self._jobs).where(self._jobs.c.id == id).values(wait="again", due=until))

    def wake(self, now: float) -> int:
        """Put sleepers whose time or turn has come back into their queues; returns how many."""
        with self._engine.connect() as connection:
            ids = connection.execute(self._ready, {"now": now}).scalars().all()
        if ids:
            self._awaken(ids)
        return len(ids)

    def executors(self) -> list[str]:
        """Workers under whose name jobs are running."""
        query = sa.select(self._status.c.executor_id).where(self._status.c.status == "PENDING").distinct()
        with self._engine.connect() as connection:
            return [name for name in connection.execute(query).scalars() if name]

    def take_over(self, dead: Sequence[str], version: str) -> list[str]:
        """Put what dead workers were running back into its queue, and free what waits for a worker of other code.

        Their recorded steps stay; `version` alone is not touched. Returns the ids of what was running.
        """
        status = self._status
        lost = (status.c.status == "PENDING") & status.c.executor_id.in_(dead)
        stranded = status.c.status.in_(("ENQUEUED", "DELAYED")) & (status.c.application_version != version)
        free = {"application_version": None, "owner_xid": None, "started_at_epoch_ms": None}
        with self._engine.begin() as connection:
            taken = sa.update(status).where(lost).values(status="ENQUEUED", **free).returning(status.c.workflow_uuid)
            ids = list(connection.execute(taken).scalars())
            connection.execute(sa.update(status).where(stranded).values(**free))
        return ids

    def forget_steps(self, id: str, first: int) -> None:
        """Drop the records of a job from step number `first` on."""
        steps = self._steps
        with self._engine.begin() as connection:
            connection.execute(sa.delete(steps).where(steps.c.workflow_uuid == id, steps.c.function_id >= first))

    def leave(self, id: str) -> None:
        """Let go of the key that an ended job held, before it is put back."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(self._jobs).where(self._jobs.c.id == id).values(entered=False, wait=None))

    def ended(self, before: float) -> list[str]:
        """Ids of jobs that ended until then."""
        status = self._status
        old = sa.select(status.c.workflow_uuid).where(
            status.c.status.in_(_ENDED), status.c.completed_at <= int(before * 1000)
        )
        with self._engine.connect() as connection:
            return list(connection.execute(old).scalars())

    def forget(self) -> None:
        """Drop our rows of jobs that DBOS has none of any more."""
        gone = ~sa.select(1).where(self._status.c.workflow_uuid == self._jobs.c.id).exists()
        with self._engine.begin() as connection:
            connection.execute(sa.delete(self._jobs).where(gone))

    def last_tick(self, job: str, cron: str, now: float) -> float:
        """The last tick of a schedule that was enqueued; `now` for one that is new or has changed."""
        ticks = self._ticks
        with self._engine.begin() as connection:
            known = connection.execute(sa.select(ticks.c.cron, ticks.c.last).where(ticks.c.job == job)).first()
            if known is not None and known.cron == cron:
                return float(known.last)
            new = self._insert(ticks).values(job=job, cron=cron, last=now)
            changed = new.on_conflict_do_update(index_elements=["job"], set_={"cron": cron, "last": now})
            connection.execute(changed)
        return now

    def ticked(self, job: str, tick: float) -> None:
        """Note that a tick was enqueued."""
        ticks = self._ticks
        with self._engine.begin() as connection:
            later = (ticks.c.job == job) & (ticks.c.last < tick)
            connection.execute(sa.update(ticks).where(later).values(last=tick))

    def _in_the_way(self, job: Any) -> sa.Select[Any]:
        """Jobs to wait for: unfinished, with the same key in the same queue, and either accepted before or begun."""
        other, status = self._jobs.alias("other"), self._status.alias("theirs")
        awake = status.c.status.in_(("ENQUEUED", "PENDING"))
        asleep = (status.c.status == "DELAYED") & other.c.wait.in_(("key", "again"))
        return (
            sa.select(sa.literal(1))
            .select_from(other.join(status, status.c.workflow_uuid == other.c.id))
            .where(other.c.queue == job.queue, other.c.key == job.key, other.c.number != job.number)
            .where(awake | asleep, other.c.entered | (other.c.number < job.number))
            .correlate(job.number.table)
        )

    def _sleep(self, connection: sa.Connection, id: str, until_ms: int | None, attempts: Any) -> None:
        running = (self._status.c.workflow_uuid == id) & (self._status.c.status == "PENDING")
        asleep = {"status": "DELAYED", "delay_until_epoch_ms": until_ms, "recovery_attempts": attempts}
        free = {"owner_xid": None, "started_at_epoch_ms": None}
        connection.execute(sa.update(self._status).where(running).values(**asleep, **free))

    def _ready_query(self) -> sa.CompoundSelect[Any]:
        """Ids of sleepers whose time or turn has come."""
        late, head, other = (self._jobs.alias(name) for name in ("late", "head", "other_sleeper"))
        due = sa.select(late.c.id).where(late.c.wait.in_(("delay", "again")), late.c.due <= sa.bindparam("now"))
        # Of those that wait for one key only the first can have its turn.
        first = sa.select(sa.func.min(other.c.number)).where(other.c.wait == "key").group_by(other.c.queue, other.c.key)
        turn = sa.select(head.c.id).where(head.c.number.in_(first), ~self._in_the_way(head.c).exists())
        return sa.union_all(due, turn).limit(_BATCH)

    def _awaken(self, ids: Sequence[str]) -> None:
        sleeping = self._status.c.workflow_uuid.in_(ids) & (self._status.c.status == "DELAYED")
        awake = {"status": "ENQUEUED", "delay_until_epoch_ms": None}
        with self._engine.begin() as connection:
            connection.execute(sa.update(self._jobs).where(self._jobs.c.id.in_(ids)).values(wait=None))
            connection.execute(sa.update(self._status).where(sleeping).values(**awake))

    def _list(self, *where: sa.ColumnElement[bool], limit: int) -> list[JobStatus]:
        jobs, status, output = self._jobs, self._status, self._output
        query = (
            sa.select(jobs, status.c.status, status.c.completed_at, output.c.output, output.c.error)
            .select_from(
                jobs.join(status, status.c.workflow_uuid == jobs.c.id).outerjoin(
                    output, output.c.workflow_uuid == jobs.c.id
                )
            )
            .where(*where)
            .order_by(jobs.c.number.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [_job_status(row) for row in connection.execute(query)]


def _job_status(row: sa.Row[Any]) -> JobStatus:
    state = STATES[row.status]
    error = None
    if state == "failed":
        # The text alone is stored plainly; a job that was given up on has none.
        recorded = (
            json.loads(row.error) if row.error else {"message": "the worker died too often while it ran this job"}
        )
        error = str(recorded["message"] or recorded["name"])
    ended = None if row.completed_at is None else max(row.completed_at / 1000, row.accepted_at)
    return JobStatus(
        id=row.id,
        name=row.name,
        state=state,
        result=json.loads(row.output) if state == "done" and row.output else None,
        error=error,
        queue=_queue(row.queue),
        key=row.key,
        created_at=row.accepted_at,
        ended_at=ended,  # SQLite gives whole seconds
    )


def _queue(name: str) -> Queue:
    queue: Queue = name  # type: ignore[assignment]  # `accept` took it from a Queue
    return queue


def _jobs(meta: sa.MetaData) -> sa.Table:
    """`wait`: why the job sleeps ("delay", "key", "again"), `due`: until when. `entered`: it holds its key."""
    table = sa.Table(
        "seedbed_jobs",
        meta,
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("accepted_at", sa.Double, nullable=False),
        sa.Column("wait", sa.Text),
        sa.Column("due", sa.Double),
        sa.Column("entered", sa.Boolean, nullable=False, server_default=sa.false()),
        sqlite_autoincrement=True,
    )
    sa.Index("seedbed_jobs_key", table.c.key, table.c.queue, table.c.number)
    asleep = table.c.wait.is_not(None)
    sa.Index("seedbed_jobs_asleep", table.c.wait, sqlite_where=asleep, postgresql_where=asleep)
    return table


def _ticks(meta: sa.MetaData) -> sa.Table:
    return sa.Table(
        "seedbed_ticks",
        meta,
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("last", sa.Double, nullable=False),
    )


def _columns(table: sa.Table, *, text: Sequence[str] = (), integers: Sequence[str] = ()) -> sa.Table:
    """Add the columns of a table of DBOS that we touch."""
    for name in text:
        table.append_column(sa.Column(name, sa.Text))
    for name in integers:
        table.append_column(sa.Column(name, sa.BigInteger))
    return table
