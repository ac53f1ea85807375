"""The jobs of an outcome by each of its labels."""

from typing import NamedTuple

import numpy as np

from hutong.sim.outcome import LABELS, Ending, Label, Outcome
from hutong.sim.reports.figures import Mask, Ranked, Rows, grouped
from hutong.sim.reports.jobs import MS_PER_H, Jobs
from hutong.sim.reports.values import Bill, Group

GROUPS_AT_MOST = 200
OTHERS = "(others)"
NONE = "(none)"


class Ranks(NamedTuple):
    """The three quantities, ordered once and used by every label."""

    wait: Ranked
    completion: Ranked
    slowdown: Ranked


class Folded(NamedTuple):
    """A label whose words are sorted by their number of jobs, the small ones as one."""

    codes: Rows
    names: tuple[str, ...]
    sizes: Rows
    folded: int


def fold(label: Label, *, most: int = GROUPS_AT_MOST) -> Folded:
    """Sort a label's words by their jobs; beyond `most` they become one group. Words without jobs
    are left out, equal words are one, and the empty word is `(none)`."""
    words: dict[str, int] = {}
    merged = np.array([words.setdefault(word, len(words)) for word in label.words], dtype=np.int64)
    codes = merged[label.codes] if len(merged) else label.codes.astype(np.int64)
    counts = np.bincount(codes, minlength=len(words))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    kept = order if len(order) <= most else order[: most - 1]
    folded = len(order) - len(kept)
    places = np.full(max(len(words), 1), len(kept), dtype=np.int64)
    places[kept] = np.arange(len(kept))
    listed = tuple(words)
    names = tuple(listed[word] or NONE for word in kept) + ((OTHERS,) if folded else ())
    sizes = counts[kept]
    if folded:
        sizes = np.append(sizes, counts.sum() - sizes.sum())
    return Folded(places[codes], names, sizes.astype(np.int64), folded)


def groups_of(outcome: Outcome, jobs: Jobs, ranks: Ranks) -> dict[str, tuple[Group, ...]]:
    """The groups of each label; labels that no job has are left out."""
    found = {}
    kept = kept_deadlines(outcome)
    for name in LABELS:
        label = outcome.labels[name]
        if any(label.words) and len(label.codes):
            folded = fold(label)
            if folded.names != (NONE,):
                found[name] = _groups(outcome, jobs, ranks, folded, kept)
    return found


def _groups(
    outcome: Outcome, jobs: Jobs, ranks: Ranks, by: Folded, kept: Mask
) -> tuple[Group, ...]:
    numbers, codes = outcome.numbers, by.codes
    waits, completions, slowdowns = (grouped(ranked, codes, by.sizes) for ranked in ranks)

    def sums(values: np.ndarray) -> np.ndarray:
        if not values.any():
            return np.zeros(len(by.names))
        return np.bincount(codes, weights=values, minlength=len(by.names))

    def whole(column: str) -> list[int]:
        # Sums of floats are exact below 2**53: some 9 billion CNY, 9 TWh, 9 kt, of one group.
        return [round(value) for value in sums(numbers[column]).tolist()]

    costs, energies, carbons = whole("cost_microcny"), whole("energy_mwh"), whole("carbon_mg")
    preemptions = whole("preemptions")
    chips, cpus = sums(jobs.held_accelerator), sums(jobs.held_cpu)
    lost, held = sums(jobs.lost), sums(jobs.held)
    asked, met = sums(numbers["deadline_ms"] > 0), sums(kept)
    unit = 1000.0 * MS_PER_H
    return tuple(
        Group(
            name=name,
            jobs=int(by.sizes[place]),
            wait_ms=waits[place],
            completion_ms=completions[place],
            bounded_slowdown=slowdowns[place],
            bill=Bill(costs[place], energies[place], carbons[place]),
            held_accelerator_h=float(chips[place]) / unit,
            held_cpu_h=float(cpus[place]) / unit,
            preemptions=preemptions[place],
            lost=float(lost[place] / held[place]) if held[place] else 0.0,
            deadlines=int(asked[place]),
            deadlines_kept=int(met[place]),
            folded=by.folded if name == OTHERS and place == len(by.names) - 1 else 0,
        )
        for place, name in enumerate(by.names)
    )


def kept_deadlines(outcome: Outcome) -> Mask:
    """Which jobs had a deadline and succeeded by it."""
    numbers = outcome.numbers
    due, end = numbers["deadline_ms"], numbers["end_ms"]
    kept: Mask = (due > 0) & (end >= 0) & (end <= due) & (numbers["ending"] == Ending.SUCCEEDED)
    return kept
