"""Runs the benchmarks: `make bench` or `python -m benchmarks CASE...`; JSON=1 for JSON lines."""

import os
import sys

from benchmarks.cases import bulk, commands, latency, scale, start, throughput
from benchmarks.figure import Case, Report

CASES: dict[str, Case] = {
    "start": start.run,
    "latency": latency.run,
    "throughput": throughput.run,
    "bulk": bulk.run,
    "scale": scale.run,
    "commands": commands.run,
}


def main(words: list[str]) -> int:
    """Run the named cases, or all. Gives 1 where a bound is broken, 2 for an unknown name."""
    unknown = [word for word in words if word not in CASES]
    if unknown:
        print(f"no case is called {unknown[0]}; there are {', '.join(CASES)}", file=sys.stderr)
        return 2
    report = Report(as_json=os.environ.get("JSON", "") not in ("", "0"))
    for name in words or CASES:
        report.note(f"case {name} (load {os.getloadavg()[0]:.2f})")
        CASES[name](report)
    return 1 if report.broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
