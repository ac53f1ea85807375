"""What the hub measures of itself, in Prometheus' text format.

`DOCUMENTED` is the list that the reference page shows; a test compares it with what is exported.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


class Documented(NamedTuple):
    """A metric as the reference shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


DOCUMENTED = (
    Documented(
        "hutong_requests_total", "counter", ("endpoint", "status"),
        "Requests answered, by the endpoint's name and the HTTP status.",
    ),
    Documented(
        "hutong_request_seconds", "histogram", ("endpoint",),
        "Time from a request's headers to the end of its answer. Streams are not counted.",
    ),
    Documented("hutong_commit_seconds", "histogram", (), "Time of one append to the journal."),
    Documented("hutong_commit_entries", "histogram", (), "Journal entries in one append."),
    Documented("hutong_store_failures_total", "counter", (), "Appends that failed."),
    Documented("hutong_cycle_seconds", "histogram", (), "Time of one scheduling cycle."),
    Documented("hutong_placements_total", "counter", (), "Attempts placed."),
    Documented("hutong_preemptions_total", "counter", (), "Attempts told to make room."),
    Documented("hutong_snapshot_seconds", "histogram", (), "Time to write the state down."),
    Documented("hutong_internal_errors_total", "counter", (), "Requests that met a fault of ours."),
    Documented("hutong_jobs_accepted_total", "counter", (), "Jobs accepted."),
    Documented(
        "hutong_queued", "gauge", ("priority",),
        "Elements that could start now, by priority class; a job that is no array is one.",
    ),
    Documented("hutong_attempts_live", "gauge", ("site",), "Attempts that hold capacity, by site."),
    Documented(
        "hutong_site_ready", "gauge", ("site",), "1 where new work may go to the site, else 0.",
    ),
    Documented(
        "hutong_site_silent_seconds", "gauge", ("site",), "Time since the site was last heard.",
    ),
    Documented("hutong_journal_position", "gauge", (), "Position of the last journal entry."),
    Documented("hutong_ready", "gauge", (), "1 while the hub can write its journal, else 0."),
    Documented("hutong_streams", "gauge", (), "Streams that are open."),
)  # fmt: skip


class Gauge(NamedTuple):
    """One reading: the metric's name, the values of its labels, the value."""

    name: str
    labels: tuple[str, ...]
    value: float


class _Gauges(Collector):
    """Reads the hub's state when somebody asks, so that keeping it costs nothing in between."""

    def __init__(self, read: Callable[[], Iterable[Gauge]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        rows = {row.name: row for row in DOCUMENTED if row.kind == "gauge"}
        families = {
            name: GaugeMetricFamily(name, row.meaning, labels=row.labels)
            for name, row in rows.items()
        }
        for reading in self._read():
            families[reading.name].add_metric(reading.labels, reading.value)
        yield from families.values()


class Metrics:
    """The counters and histograms of one hub, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("hutong_requests")
        self.request_seconds = self._histogram("hutong_request_seconds", _SECONDS)
        self.commit_seconds = self._histogram("hutong_commit_seconds", _SECONDS)
        self.commit_entries = self._histogram("hutong_commit_entries", _SIZES)
        self.store_failures = self._counter("hutong_store_failures")
        self.cycle_seconds = self._histogram("hutong_cycle_seconds", _SECONDS)
        self.placements = self._counter("hutong_placements")
        self.preemptions = self._counter("hutong_preemptions")
        self.snapshot_seconds = self._histogram("hutong_snapshot_seconds", _SECONDS)
        self.internal_errors = self._counter("hutong_internal_errors")
        self.jobs_accepted = self._counter("hutong_jobs_accepted")

    def text(self, read: Callable[[], Iterable[Gauge]]) -> bytes:
        """All of it, with the gauges that `read` gives, as Prometheus takes it."""
        gauges = CollectorRegistry()
        gauges.register(_Gauges(read))
        return generate_latest(self.registry) + generate_latest(gauges)

    def _counter(self, name: str) -> Counter:
        row = _row(f"{name}_total")
        return Counter(name, row.meaning, row.labels, registry=self.registry)

    def _histogram(self, name: str, buckets: tuple[float, ...]) -> Histogram:
        row = _row(name)
        return Histogram(name, row.meaning, row.labels, buckets=buckets, registry=self.registry)


def _row(name: str) -> Documented:
    return next(row for row in DOCUMENTED if row.name == name)
