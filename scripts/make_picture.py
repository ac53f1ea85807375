"""Draw the picture of the README from a real run: the live table of `make run`, half way through.

    python scripts/make_picture.py

starts a hub and the three sites, hands in the bundled jobs, and writes docs/pictures/make-run.svg
as soon as the urgent job has ended and the sweep has not.
"""

import io
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "pictures" / "make-run.svg"
GIVE_UP_S = 60
WIDTH = 92


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from hutong.cli.demo import _hand_in
    from hutong.cli.demo.view import _rich_table
    from hutong.cli.demo.workload import ARRAY, FIRST, LATE, SITES, URGENT, WEIGHTS
    from hutong.testing.fleet import Fleet
    from hutong.wire.api import TenantRequest

    folder = ROOT / "examples"
    with tempfile.TemporaryDirectory() as data, Fleet(Path(data)) as fleet:
        fleet.start_hub()
        names = [Path(name).stem for name in SITES]
        for name in names:
            fleet.add_site(name, (folder / "sites" / f"{name}.yaml").read_text())
            fleet.spawn_agent(name)
        fleet.wait_for_sites(*names)
        with fleet.client() as client:
            for tenant, weight in WEIGHTS.items():
                client.set_tenant(tenant, TenantRequest(weight))
            ids = _hand_in(client, folder / "jobs", FIRST)
            late = False
            give_up = time.monotonic() + GIVE_UP_S
            while time.monotonic() < give_up:
                views = client.views(ids.values())
                sweep = views[ids[ARRAY]].counts
                if sweep is not None and sweep.live and not late:
                    ids |= _hand_in(client, folder / "jobs", LATE)
                    late = True
                elif late and sweep is not None and sweep.succeeded >= 3:
                    assert views[ids[URGENT]].state == "succeeded"
                    PICTURE.write_text(svg_of(_rich_table([views[job] for job in ids.values()])))
                    return 0
                time.sleep(0.05)
    sys.stderr.write("the sweep was never half done\n")
    return 1


def svg_of(table: object) -> str:
    """Draw a table as rich draws it, in whatever fixed-width fonts the reader has."""
    from rich.console import Console

    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    console.print(table)
    return drawn_alike(console, "make run")


def drawn_alike(console: "Console", title: str) -> str:
    """The record of a console as a picture, without fonts from elsewhere."""
    drawn = console.export_svg(title=title, unique_id="hutong")
    drawn = re.sub(r"\s*@font-face \{.*?\}\n", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"<!-- Generated .*? -->\s*", "", drawn, flags=re.DOTALL)
    return drawn.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")


if __name__ == "__main__":
    sys.exit(main())
