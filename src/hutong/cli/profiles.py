"""`hutong profiles`."""

from cyclopts import App

from hutong.cli import output
from hutong.cli.options import Json
from hutong.cli.table import Cell, Column
from hutong.client.formats.profiles import load_profile, profile_to_yaml
from hutong.scheduler.profile import PROFILES, Profile

profiles = App(
    name="profiles", help="List the scheduler's profiles, or show one.", version_flags=()
)


@profiles.command(name="list")
def list_(*, json: Json = False) -> int:
    """List the profiles that come with Hutong.

    `hutong up --profile` takes one of their names, or a file that begins with one.
    """
    if json:
        output.document(list(PROFILES.values()))
        return 0
    columns = [
        Column("NAME"), Column("ORDER"), Column("BACKFILL"), Column("FIT"), Column("PREEMPTS"),
        Column("HOLDS", right=True),
    ]  # fmt: skip
    output.table(columns, [_row(profile) for profile in PROFILES.values()])
    return 0


def _row(profile: Profile) -> list[str | Cell]:
    return [
        Cell(profile.name, "bold"),
        profile.order,
        profile.backfill,
        profile.fit,
        "yes" if profile.preemption else "no",
        f"{profile.reservations_count:,}",
    ]


@profiles.command
def show(profile: str, /, *, json: Json = False) -> int:
    """Print a profile as a file to edit.

    Every setting is in it; what you leave away is that of its `base`.

    Parameters
    ----------
    profile
        A name of `hutong profiles list`, or a file.
    """
    found = load_profile(profile)
    if json:
        output.document(found)
    else:
        output.line(profile_to_yaml(found).rstrip())
    return 0
