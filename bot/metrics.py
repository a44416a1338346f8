"""What an operator's monitoring reads at `/metrics`: the doorbell's answers, and the jobs that wait, run or failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot import status
from bot.engine.port import Enqueuer
from bot.inbox import Inbox

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one web process. Jobs are counted in the database when somebody asks, so none can drift."""

    def __init__(self, enqueuer: Enqueuer, inbox: Inbox, clock: Callable[[], float] = time.time) -> None:
        self._registry = CollectorRegistry()
        self._deliveries = Counter(
            "seedbed_deliveries",
            "Webhook deliveries by event and answer.",
            ("event", "answer"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "seedbed_delivery_seconds", "Time to answer a delivery.", buckets=_BUCKETS_S, registry=self._registry
        )
        self._registry.register(_Jobs(enqueuer, clock))
        waiting = Gauge("seedbed_inbox", "Deliveries accepted in a burst, not yet queued.", registry=self._registry)
        waiting.set_function(lambda: inbox.waiting)
        ProcessCollector(registry=self._registry)

    def answered(self, event: str, status: int, seconds: float) -> None:
        """Count one delivery. `event` comes from a fixed list, or a stranger could make as many series as he likes."""
        self._deliveries.labels(event, str(status)).inc()
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Jobs(Collector):
    """Counts jobs at the moment of asking."""

    def __init__(self, enqueuer: Enqueuer, clock: Callable[[], float]) -> None:
        self._enqueuer = enqueuer
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Jobs by queue and state, the age of the oldest that waits, and the dead letters."""
        found = status.queues(self._enqueuer, self._clock())
        jobs = GaugeMetricFamily("seedbed_jobs", "Jobs by queue and state.", labels=("queue", "state"))
        oldest = GaugeMetricFamily(
            "seedbed_oldest_queued_seconds", "Age of the job that waits longest.", labels=("queue",)
        )
        for queue in found:
            for state in ("queued", "running", "failed"):
                jobs.add_metric((queue.queue, state), getattr(queue, state))
            oldest.add_metric((queue.queue,), max(0.0, queue.oldest_s))
        newest = GaugeMetricFamily(
            "seedbed_newest_job_seconds", "Age of the newest job; a living worker adds one every five minutes."
        )
        for job in self._enqueuer.jobs(limit=1):
            newest.add_metric((), max(0.0, self._clock() - job.created_at))
        dead = sum(queue.failed for queue in found)
        letters = GaugeMetricFamily("seedbed_dead_letters", "Failed jobs that wait for a person.", value=dead)
        return jobs, oldest, newest, letters
