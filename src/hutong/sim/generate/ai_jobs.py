"""Jobs on chips, as clusters for AI have them: gangs and parts of chips, tenants, classes.

What a tenant hands in is not drawn job by job alone: a few tenants and a few of their users hand in
most (ranks by Zipf), and each user has kinds of jobs with run times of their own, which come again
and again. So a predictor finds here what it finds in logs: similar jobs of the same user.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import numpy as np

from hutong.model.classes import LOW, NORMAL, is_class
from hutong.model.resources import AcceleratorNeed
from hutong.sim.generate.arrivals import Arrivals, Poisson
from hutong.sim.generate.durations import LogNormal, RunTimes
from hutong.sim.generate.estimates import Estimates, Rounded
from hutong.sim.generate.jobs import COUNT, limits, said, workload
from hutong.sim.generate.models import chip_name
from hutong.sim.generate.settings import YEAR_MS, Ranges, Settings
from hutong.sim.generate.streams import Floats, Ints, pick, stream, whole_ms, zipf_weights
from hutong.sim.generate.tides import Tides, tidal
from hutong.sim.workload import TraceJob, Workload


class Gang(Settings, frozen=True, tag="gang"):
    """One size of jobs, with its share among all: `tasks` tasks of `accelerator_milli` each.

    Parts of a chip are below 1000; above it chips are whole. 0 is a job without chips.
    """

    share: float = 1.0
    tasks: int = 1
    accelerator_milli: int = 1000
    cpu_milli: int = 8_000
    memory_mib: int = 65_536

    RANGES: ClassVar[Ranges] = {
        "share": (0, 1e6),
        "tasks": (1, 100_000),
        "accelerator_milli": (0, 64_000),
        "cpu_milli": (0, 1_000_000),
        "memory_mib": (0, 16_777_216),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.accelerator_milli > 1000 and self.accelerator_milli % 1000:
            raise self.refusal("accelerator_milli", "above one chip only whole chips are given")


class Models(Settings, frozen=True, tag="models"):
    """Chip models any of which would do, with the share of jobs that name them, and their speeds.

    A speed of 0 is left to the catalogue; no `speeds_milli` leaves all to it.
    """

    share: float = 1.0
    names: tuple[str, ...] = ("any",)
    speeds_milli: tuple[int, ...] = ()

    RANGES: ClassVar[Ranges] = {"share": (0, 1e6), "speeds_milli": (0, 100_000)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.names:
            raise self.refusal("names", "there is none")
        if self.speeds_milli and len(self.speeds_milli) != len(self.names):
            raise self.refusal("speeds_milli", "there are not as many as names")

    def needs(self, accelerator_milli: int) -> tuple[AcceleratorNeed, ...]:
        """The alternatives of a job. Raises `HutongError` for a name not in the catalogue."""
        speeds = self.speeds_milli or (0,) * len(self.names)
        return tuple(
            AcceleratorNeed(chip_name(self, "names", name), accelerator_milli, speed or None)
            for name, speed in zip(self.names, speeds, strict=True)
        )


GANGS = (
    Gang(share=8, accelerator_milli=250, cpu_milli=2_000, memory_mib=16_384),
    Gang(share=12, accelerator_milli=500, cpu_milli=4_000, memory_mib=32_768),
    Gang(share=50, accelerator_milli=1000),
    Gang(share=8, accelerator_milli=2000, cpu_milli=16_000, memory_mib=131_072),
    Gang(share=8, accelerator_milli=4000, cpu_milli=32_000, memory_mib=262_144),
    Gang(share=10, accelerator_milli=8000, cpu_milli=64_000, memory_mib=524_288),
    Gang(share=3, tasks=2, accelerator_milli=8000, cpu_milli=64_000, memory_mib=524_288),
    Gang(share=1, tasks=8, accelerator_milli=8000, cpu_milli=64_000, memory_mib=524_288),
)


class AiJobs(Settings, frozen=True, tag="ai-jobs"):
    """See the module. Shares need not add up to anything.

    The n-th of `tenants_count` tenants hands in with a weight of 1 / n^`tenant_zipf`, its users and
    their `kinds_count` kinds alike with `user_zipf`. A user's kind has its own factor of run times,
    log-normal with deviation `kind_sigma`; a run has another, as `runs` says. Larger gangs run
    longer by their chips to the power `size_power`. `classes` gives shares of priority classes.
    A share `deadline_share` of jobs has a deadline between `slack_least` and `slack_most` run times
    after it was handed in. `checkpoint_ms` is how often jobs write down their state.
    """

    jobs_count: int = 10_000
    arrivals: Arrivals = Poisson(gap_ms=30_000)
    tides: Tides | None = None
    gangs: tuple[Gang, ...] = GANGS
    models: tuple[Models, ...] = (Models(),)
    runs: RunTimes = LogNormal(median_ms=600_000, sigma=1.5)
    kind_sigma: float = 1.0
    size_power: float = 0.25
    estimates: Estimates = Rounded()
    estimates_end_jobs: bool = False
    tenants_count: int = 40
    tenant_zipf: float = 1.0
    users_count: int = 10
    user_zipf: float = 1.0
    kinds_count: int = 4
    classes: dict[str, float] = msgspec.field(default_factory=lambda: {NORMAL: 0.9, LOW: 0.1})
    deadline_share: float = 0.0
    slack_least: float = 1.5
    slack_most: float = 6.0
    checkpoint_ms: int = 0
    preemptible_share: float = 1.0

    RANGES: ClassVar[Ranges] = {
        "jobs_count": COUNT,
        "kind_sigma": (0, 5),
        "size_power": (0, 2),
        "tenants_count": (1, 100_000),
        "tenant_zipf": (0, 5),
        "users_count": (1, 10_000),
        "user_zipf": (0, 5),
        "kinds_count": (1, 1_000),
        "deadline_share": (0, 1),
        "slack_least": (1, 1e6),
        "slack_most": (1, 1e6),
        "checkpoint_ms": (0, YEAR_MS),
        "preemptible_share": (0, 1),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.slack_most < self.slack_least:
            raise self.refusal("slack_most", "it is below slack_least")
        if self.tenants_count * self.users_count * self.kinds_count > 10_000_000:
            raise self.refusal("kinds_count", "there are more than 10,000,000 kinds in all")
        for setting, shares in (
            ("gangs", [gang.share for gang in self.gangs]),
            ("models", [models.share for models in self.models]),
            ("classes", list(self.classes.values())),
        ):
            if min(shares, default=0) < 0 or not sum(shares):
                raise self.refusal(setting, "the shares are not all at least 0 with a sum above it")
        if bad := [name for name in self.classes if not is_class(name)]:
            raise self.refusal("classes", f"{bad[0]!r} is no name of a class")


class _Jobs:
    """The jobs; each time they are gone through they are drawn anew, and the same."""

    def __init__(self, settings: AiJobs, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self._needs = [
            [models.needs(gang.accelerator_milli) if gang.accelerator_milli else ()
             for models in settings.models]
            for gang in settings.gangs
        ]  # fmt: skip

    def __iter__(self) -> Iterator[TraceJob]:
        settings, seed = self._settings, self._seed
        done = 0
        blocks = settings.arrivals.blocks(stream(seed, "arrivals"))
        draws = _Draws(settings, seed)
        names = [f"t{number}" for number in range(settings.tenants_count)]
        classes = list(settings.classes)
        for times in tidal(blocks, settings.tides, stream(seed, "tides")):
            submits = times.astype(np.int64)
            block = draws.block(submits)
            for row in zip(*block, strict=True):
                submit_ms, gang, model, tenant, user, kind, run_ms, estimate_ms, limit_ms = row[:9]
                size = settings.gangs[gang]
                done += 1
                yield TraceJob(
                    str(done), submit_ms, run_ms, size.tasks, size.cpu_milli, size.memory_mib,
                    self._needs[gang][model], f"{names[tenant]}.u{user}", names[tenant],
                    classes[row[9]], "", f"k{kind}", 0, estimate_ms, limit_ms, row[10],
                    preemptible=row[11], checkpoint_ms=settings.checkpoint_ms,
                )  # fmt: skip
                if done == settings.jobs_count:
                    return


class _Draws:
    """The streams of one pass, one for each thing that is drawn."""

    def __init__(self, settings: AiJobs, seed: int) -> None:
        self._settings = settings
        self._streams = {
            name: stream(seed, name)
            for name in (
                "gangs", "models", "tenants", "users", "kinds", "runs", "estimates", "classes",
                "deadlines", "preemptible",
            )
        }  # fmt: skip
        kinds = settings.tenants_count * settings.users_count * settings.kinds_count
        self._factors = stream(seed, "kind factors").lognormal(0.0, settings.kind_sigma, kinds)
        self._gangs = np.array([gang.share for gang in settings.gangs])
        chips = [gang.tasks * max(gang.accelerator_milli, 1) / 1000 for gang in settings.gangs]
        self._longer = np.maximum(np.array(chips), 1.0) ** settings.size_power
        self._models = np.array([models.share for models in settings.models])
        self._classes = np.array(list(settings.classes.values()), dtype=np.float64)
        self._tenants = zipf_weights(settings.tenants_count, settings.tenant_zipf)
        self._users = zipf_weights(settings.users_count, settings.user_zipf)
        self._kinds = zipf_weights(settings.kinds_count, settings.user_zipf)

    def block(self, submits: Ints) -> tuple[list[Any], ...]:
        """The columns of the jobs that are handed in at these times."""
        settings, count = self._settings, len(submits)
        gangs = self._pick("gangs", self._gangs, count)
        tenants = self._pick("tenants", self._tenants, count)
        users = self._pick("users", self._users, count)
        kinds = self._pick("kinds", self._kinds, count)
        of_kind = (tenants * settings.users_count + users) * settings.kinds_count + kinds
        drawn = settings.runs.draw(self._streams["runs"], count)
        runs_ms = whole_ms(drawn * self._factors[of_kind] * self._longer[gangs])
        estimates_ms = settings.estimates.draw(self._streams["estimates"], runs_ms)
        return (
            submits.tolist(), gangs.tolist(), self._pick("models", self._models, count).tolist(),
            tenants.tolist(), users.tolist(), kinds.tolist(), runs_ms.tolist(),
            list(said(estimates_ms)),
            limits(estimates_ms, runs_ms, ends=settings.estimates_end_jobs),
            self._pick("classes", self._classes, count).tolist(),
            self._deadlines(submits, runs_ms).tolist(),
            (self._streams["preemptible"].random(count) < settings.preemptible_share).tolist(),
        )  # fmt: skip

    def _pick(self, name: str, weights: Floats, count: int) -> Ints:
        return pick(self._streams[name], weights, count)

    def _deadlines(self, submits: Ints, runs_ms: Ints) -> Ints:
        settings = self._settings
        has, slack = self._streams["deadlines"].random((2, len(submits)))
        times = settings.slack_least + slack * (settings.slack_most - settings.slack_least)
        ends = submits + np.rint(runs_ms * times).astype(np.int64)
        return np.where(has < settings.deadline_share, ends, 0)


def ai_jobs(settings: AiJobs, seed: int) -> Workload:
    """Jobs on chips. Raises `HutongError` `generate.setting` for a chip not in the catalogue."""
    return workload("ai-jobs", seed, _Jobs(settings, seed))
