"""Draw what `hutong explain` says of a waiting job, from a real run.

    python scripts/make_explain_picture.py

starts a hub and the three sites, fills their chips, hands in a job whose data lies in Beijing, and
writes docs/pictures/explain.svg from what the command prints.
"""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "pictures" / "explain.svg"
WIDTH = 92
FILL = """\
name: fill
tenant: campus
array: 0-9
resources: {cpus: 1, memory: 256MiB, accelerators: {A100-80GB: 2, Ascend910B3: 2}}
estimate: 60s
run: sleep 60
"""
WAITS = """\
name: translate
tenant: harbour
resources: {cpus: 1, memory: 256MiB, accelerators: {A100-80GB: 2, Ascend910B3: 2}}
inputs: [{name: speech, size: 20GiB, at: [beijing]}]
prefer: {regions: [tianjin]}
estimate: 5m
run: sleep 1
"""


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from hutong.testing.fleet import Fleet
    from scripts.make_picture import drawn_alike

    with tempfile.TemporaryDirectory() as data, Fleet(Path(data)) as fleet:
        fleet.start_hub()
        for site in ("beijing", "tianjin", "zhangjiakou"):
            fleet.add_site(site, (ROOT / "examples" / "sites" / f"{site}.yaml").read_text())
            fleet.spawn_agent(site)
        fleet.wait_for_sites("beijing", "tianjin", "zhangjiakou")
        hutong = Path(sys.executable).with_name("hutong")
        env = {
            **os.environ, "HUTONG_DATA": str(fleet.data), "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)
        }  # fmt: skip

        def run(*words: str, text: str = "") -> str:
            done = subprocess.run(
                [str(hutong), *words], env=env, input=text, capture_output=True, text=True,
                timeout=60, check=True,
            )  # fmt: skip
            return done.stdout

        for text in (FILL, WAITS):
            run("submit", "-", text=text)
        shown = ""
        for _ in range(100):
            shown = run("explain", "translate")
            if "CONSIDERED" in shown:
                break
    if "CONSIDERED" not in shown:
        sys.stderr.write("the job never waited for its turn\n")
        return 1
    PICTURE.write_text(drawn_alike(_record(shown), "hutong explain translate"))
    return 0


def _record(shown: str) -> "Console":
    from rich.console import Console
    from rich.text import Text

    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    console.print(Text.from_ansi(shown.rstrip()))
    return console


if __name__ == "__main__":
    sys.exit(main())
