"""The pools that were compared for a job, with the parts of their scores."""

from collections.abc import Callable, Sequence

from hutong.cli import human, output
from hutong.cli.table import Cell, Column
from hutong.scheduler.plan import Candidate

Part = tuple[Column, Callable[[Candidate], str]]


def _money(field: str) -> Callable[[Candidate], str]:
    return lambda item: human.money(getattr(item, field))


def _time(field: str) -> Callable[[Candidate], str]:
    def shown(item: Candidate) -> str:
        time_ms = getattr(item, field)
        return human.duration(time_ms) if time_ms else "-"

    return shown


def _run(item: Candidate) -> str:
    whole = max(0, item.finish_ms - item.start_ms)
    return human.duration(item.run_ms or whole)


def _bonus(item: Candidate) -> str:
    milli = item.preferred_milli + item.domestic_milli
    return f"-{human.percent(milli)}" if milli else "-"


# Shown where at least one candidate has some of it; the first to be spared come last.
OPTIONAL: tuple[tuple[tuple[str, ...], Part], ...] = (
    (("transfer_ms",), (Column("MOVE", right=True), _time("transfer_ms"))),
    (("boot_ms",), (Column("BOOT", right=True), _time("boot_ms"))),
)
OPTIONAL_COSTS: tuple[tuple[tuple[str, ...], Part], ...] = (
    (("egress_microcny",), (Column("EGRESS", right=True, spare=1), _money("egress_microcny"))),
    (("energy_microcny",), (Column("POWER", right=True, spare=2), _money("energy_microcny"))),
    (("preferred_milli", "domestic_milli"), (Column("BONUS", right=True, spare=3), _bonus)),
)


def show_candidates(candidates: Sequence[Candidate], now: int) -> None:
    """Print the pools that were compared: when each would start, what each part takes and costs.

    Parts that no candidate has are left out, and some where the terminal is too narrow.
    """

    def start(item: Candidate) -> str:
        return human.until(item.start_ms, now).removeprefix("in ") if item.start_ms else "?"

    parts: list[Part] = [
        (Column("POOL", least=12, tail=True), lambda item: item.pool),
        (Column("CHIP", least=6), lambda item: item.accelerator or "-"),
        (Column("FITS", right=True), _fits),
        (Column("START", right=True), start),
        *_those_with_some(OPTIONAL, candidates),
        (Column("RUN", right=True), _run),
        (Column("CNY/H", right=True, spare=4), _money("rate_microcny_per_hour")),
        (Column("CNY", right=True), _money("cost_microcny")),
        *_those_with_some(OPTIONAL_COSTS, candidates),
        (Column("SCORE", right=True), _money("score")),
    ]
    rows: list[list[str | Cell]] = [[show(item) for _, show in parts] for item in candidates]
    output.table([column for column, _ in parts], rows, indent=2)


def _those_with_some(
    optional: tuple[tuple[tuple[str, ...], Part], ...], candidates: Sequence[Candidate]
) -> list[Part]:
    return [
        part
        for fields, part in optional
        if any(getattr(item, field) for item in candidates for field in fields)
    ]


def _fits(item: Candidate) -> str:
    return f"+{item.nodes_started}" if item.nodes_started else str(item.tasks_fitting)
