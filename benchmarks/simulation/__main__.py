"""Runs the replay's benchmarks: `make bench-simulation`, or with ARGS the cases named.

Figures are CPU seconds of the process, so that a loaded machine does not decide; JSON=1 gives JSON
lines. Each case has a process of its own. TRACES names the folder of public traces; a case whose
trace is not there says so and is left out.
"""

import os
import subprocess
import sys

from benchmarks.figure import Report


def main(words: list[str]) -> int:
    """Run the named cases, or all. Gives 1 where a bound is broken, 2 for an unknown name."""
    from benchmarks.simulation.cases import CASES

    unknown = [word for word in words if word not in CASES]
    if unknown:
        print(f"no case is called {unknown[0]}; there are {', '.join(CASES)}", file=sys.stderr)
        return 2
    if len(words) == 1:
        return _run(words[0])
    broken = 0
    for name in words or CASES:
        command = [sys.executable, "-m", "benchmarks.simulation", name]
        broken |= subprocess.run(command, check=False).returncode
    return broken


def _run(name: str) -> int:
    from benchmarks.simulation.cases import CASES
    from hutong.scheduler.worth import take_up

    report = Report(as_json=os.environ.get("JSON", "") not in ("", "0"))
    report.note(f"case {name} (load {os.getloadavg()[0]:.2f})")
    take_up()
    try:
        CASES[name](report)
    except FileNotFoundError as error:
        report.note(f"  left out: {error.filename} is not there (TRACES names the folder)")
    return 1 if report.broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
