"""A scenario out of the command line's flags, where there is no file."""

from pathlib import Path

import msgspec

from hutong.client.config import data_folder
from hutong.client.formats.profiles import load_profile
from hutong.client.formats.times import duration_ms, duration_or_zero_ms
from hutong.client.formats.words import BadWord
from hutong.model.errors import HutongError, refuse
from hutong.sim.predict import PREDICTORS
from hutong.sim.runs.order import RunOrder, Scenario, WorkloadOrder, WorldOrder
from hutong.sim.runs.read import load_milli
from hutong.sim.setup import Mode
from hutong.sim.trace import FORMATS, TraceOptions


def scenario_of_flags(
    *, trace: str, format: str, machines: str, pooled: bool, jobs: int, load: str, skip_bad: bool,
    journal: bool, data: Path | None, profile: str, mode: str, predictor: str, cycle: str,
    until: str, seeds: int,
) -> Scenario:  # fmt: skip
    """What the flags of `hutong simulate` ask for. Raises `cli.usage` and what reading raises."""
    if bool(trace) == journal:
        raise _usage("say what to replay: a scenario file, `--trace FILE`, or `--journal`")
    if journal:
        trace, format = str((data or data_folder()) / "hub.db"), "journal"
    if format != "auto" and format not in FORMATS:
        raise _usage(f"there is no format `{format}`; there is {', '.join(FORMATS)}")
    if predictor and predictor not in PREDICTORS:
        raise _usage(f"there is no predictor `{predictor}`; there is {', '.join(PREDICTORS)}")
    try:
        order = RunOrder(
            scenario=Path(trace).name,
            workload=WorkloadOrder(
                trace=trace, format=format, options=TraceOptions(most_jobs=jobs),
                skip_bad=skip_bad, load_milli=load_milli(load),
            ),
            world=WorldOrder(machines=machines, pooled=pooled),
            profile=load_profile(profile),
            mode=Mode(mode),
            predictor=predictor,
            cycle_ms=duration_or_zero_ms(cycle),
            until_ms=duration_ms(until) if until else 0,
        )  # fmt: skip
    except BadWord as bad:
        raise _usage(f"{bad.problem}. {bad.advice}") from None
    orders = tuple(msgspec.structs.replace(order, seed=seed) for seed in range(1, seeds + 1))
    return Scenario(order.scenario, orders)


def _usage(problem: str) -> HutongError:
    return refuse("cli.usage", problem=problem, command="simulate")
