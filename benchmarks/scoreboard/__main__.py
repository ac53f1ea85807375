"""Measures the scoreboard: `make scoreboard`, or with ARGS the rows named.

JSON=1 prints one JSON object a line and a figure, and nothing else on stdout. With `--keep` what is
measured is kept in results.json and the page is written again; `--page` writes it and measures
nothing. A row whose traces are not there says so and is left out.
"""

import json
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from benchmarks.scoreboard import kept, rows
from benchmarks.scoreboard.figure import Figure, shown
from benchmarks.scoreboard.traces import MissingTrace, folder

Row = Callable[[Path], Iterator[Figure]]


def names() -> list[str]:
    """The rows there are."""
    return sorted(module.name for module in pkgutil.iter_modules(rows.__path__))


def main(words: list[str]) -> int:
    """Measure the rows named, or all. Gives 1 where a bound is broken, 2 for an unknown name."""
    flags = [word for word in words if word.startswith("--")]
    chosen = [word for word in words if not word.startswith("--")]
    unknown = [word for word in chosen if word not in names()]
    unknown += [flag for flag in flags if flag not in ("--keep", "--page")]
    if unknown:
        print(f"there is no {unknown[0]}; rows are {', '.join(names())}", file=sys.stderr)
        return 2
    if "--page" in flags:
        kept.PAGE.write_text(kept.page())
        return 0
    broken = 0
    for name in chosen or names():
        broken |= _measure(name, keeps="--keep" in flags)
    return broken


def _measure(name: str, *, keeps: bool) -> int:
    module = import_module(f"benchmarks.scoreboard.rows.{name}")
    about = " ".join((module.__doc__ or "").split())
    row: Row = module.figures
    say = _say_json if os.environ.get("JSON", "") not in ("", "0") else _say
    print(f"row {name} (load {os.getloadavg()[0]:.2f})", file=sys.stderr, flush=True)
    found: list[Figure] = []
    try:
        for figure in row(folder()):
            found.append(figure)
            say(figure)
    except MissingTrace as missing:
        print(f"  left out: {missing}", file=sys.stderr, flush=True)
        return 0
    if keeps:
        kept.keep(name, about, found)
        kept.PAGE.write_text(kept.page())
    return int(not all(figure.holds for figure in found))


def _say_json(figure: Figure) -> None:
    print(json.dumps(figure.as_json()), flush=True)


def _say(figure: Figure) -> None:
    value = f"{shown(figure.value)} {figure.unit}"
    bound = "" if figure.bound is None else f"{figure.direction} {shown(figure.bound)}"
    theirs = ", ".join(f"{who} {shown(one)}" for who, one in figure.theirs.items())
    missed = "" if figure.holds else "  MISSED"
    print(f"{figure.label:<64} {value:>14}  {bound:<18} {theirs}{missed}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
