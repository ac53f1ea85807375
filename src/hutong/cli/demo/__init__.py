"""`hutong demo`, which is what `make run` does: real jobs on a hub and three sites of this machine.

It starts the hub and the sites, hands in the bundled job files in the formats people have, shows
them run, explains what was decided, and checks that all came out as it must. On a terminal the hub
then stays up; otherwise the exit code says whether every check held.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from hutong.cli import output
from hutong.cli.demo.check import check, gather
from hutong.cli.demo.house import fresh_folder, house
from hutong.cli.demo.view import live_table, summary
from hutong.cli.demo.workload import ARRAY, FIRST, LATE, UNPLACEABLE, URGENT, WEIGHTS
from hutong.client.client import Client
from hutong.client.formats import folder_reader, read_jobs, read_text
from hutong.client.together import hand_in
from hutong.model.errors import refuse
from hutong.model.job import JobSpec
from hutong.model.states import TERMINAL_JOB_STATES
from hutong.wire.api import TenantRequest

RUN_S = 240
LOOK_S = 0.1
DEFAULT_PORT = 8470

app = App(name="hutong demo", help="Run a hub, three sites and the bundled jobs.", version_flags=())


def main(words: Sequence[str]) -> int:
    """Run the demonstration. Gives 0 once all came out as expected."""
    code = app(list(words), exit_on_error=False, print_error=False)
    return code if isinstance(code, int) else 0


@app.default
def demo(
    *,
    data: Path = Path(".hutong"),
    port: int = DEFAULT_PORT,
    stay: Annotated[bool | None, Parameter(negative="--leave")] = None,
) -> int:
    """Run a hub, three sites and the bundled jobs.

    Parameters
    ----------
    data
        Data folder of the demonstration; one of an earlier demonstration is replaced.
    port
        Port of the hub; 0 takes any that is free.
    stay
        Keep the hub up afterwards. Without a word it stays up on a terminal.
    """
    stays = sys.stdout.isatty() if stay is None else stay
    examples = examples_folder()
    began = time.monotonic()
    fresh_folder(data)
    with house(data, examples, port) as client:
        took_s = time.monotonic() - began
        output.line(f"Hutong serves at {client.url} with 3 sites after {took_s:.1f} s.")
        ids = _run(client, examples / "jobs")
        failed = _conclude(client, ids)
        if stays:
            _stay(client)
    return 1 if failed else 0


def examples_folder() -> Path:
    """Where the job and site files are: beside the package, or in the checkout it runs from."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "examples", package.parents[1] / "examples"):
        if (folder / "jobs").is_dir():
            return folder
    raise refuse("file.unreadable", file="examples", problem="the folder is not installed")


def _run(client: Client, folder: Path) -> dict[str, str]:
    for tenant, weight in WEIGHTS.items():
        client.set_tenant(tenant, TenantRequest(weight))
    ids = _hand_in(client, folder, FIRST)
    output.line(f"Handed in {len(ids)} jobs from {len(FIRST)} files:")
    late = False
    give_up = time.monotonic() + RUN_S
    with live_table() as draw:
        while time.monotonic() < give_up:
            views = client.views(ids.values())
            draw([views[job] for job in ids.values()])
            counts = views[ids[ARRAY]].counts
            if not late and counts is not None and counts.live:
                ids |= _hand_in(client, folder, LATE)
                late = True
                continue
            over = [view.state in TERMINAL_JOB_STATES for view in views.values()]
            if late and URGENT in ids and sum(over) == len(ids) - 1:
                return ids
            time.sleep(LOOK_S)
    return ids


def _hand_in(client: Client, folder: Path, files: Sequence[str]) -> dict[str, str]:
    specs: list[JobSpec] = []
    for name in files:
        file = folder / name
        parsed = read_jobs(read_text(file), name, attach=folder_reader(file.parent))
        specs.extend(parsed.jobs)
    answers = hand_in(client, specs)
    for answer in answers:
        if answer.error is not None:
            raise refuse("job.invalid", field="file", value=answer.name,
                         problem=answer.error.message, advice=answer.error.hint)  # fmt: skip
    return {spec.name: answer.job for spec, answer in zip(specs, answers, strict=True)}


def _conclude(client: Client, ids: dict[str, str]) -> int:
    """Print the summary and the checks; gives how many do not hold."""
    outcome = gather(client, ids)
    summary(outcome)
    findings = list(check(outcome))
    wrong = [(sentence, found) for sentence, found in findings if found]
    output.line()
    if not wrong:
        output.line(f"All {len(findings)} checks hold: every job came out as it must.")
    for sentence, found in wrong:
        output.warn(f"expected that {sentence}; {found}")
    return len(wrong)


def _stay(client: Client) -> None:
    output.line(f"The hub stays up at {client.url}; in another terminal, from here:")
    output.line("  .venv/bin/hutong jobs --all        what ran")
    output.line(f"  .venv/bin/hutong explain {UNPLACEABLE}")
    output.line("  .venv/bin/hutong submit examples/jobs/kmeans.sbatch --wait")
    output.line("Ctrl-C ends it.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        output.line()
