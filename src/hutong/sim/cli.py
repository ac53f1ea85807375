"""`hutong simulate`: its commands."""

from collections.abc import Sequence

from cyclopts import App

from hutong.sim.machines.commands import chaos, run
from hutong.sim.runs.commands import compare, replay, report

app = App(
    name="hutong simulate",
    help="Replay a workload in a world of your making, and compare what came of it.",
    version_flags=(),
    result_action="return_value",
)
app.default(replay)
for command in (compare, report, chaos, run):
    app.command(command)


def main(words: Sequence[str]) -> int:
    """Run one command line; lets the errors of the command line and of the catalogue out."""
    code = app(list(words), exit_on_error=False, print_error=False)
    return code if isinstance(code, int) else 0
