"""Runs the blocks of a page that are marked, against a hub and the three sites of `make run`.

`python -m tests.docs.runner PAGE...` writes what the commands print now into the pages.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hutong.testing.fleet import Fleet
from tests.docs.pages import ROOT, Block, Page, page

SITES = ("beijing", "tianjin", "zhangjiakou")
COMMAND_S = 60


class Ran(NamedTuple):
    """What a block's commands printed, with the commands between as the page shows them."""

    block: Block
    shown: str
    codes: tuple[int, ...]


@contextmanager
def three_sites(folder: Path) -> Iterator[Path]:
    """A hub and the sites of the examples; gives a folder in which commands find the hub."""
    with Fleet(folder / "fleet", env=_environment()) as fleet:
        fleet.start_hub()
        for site in SITES:
            fleet.add_site(site, (ROOT / "examples" / "sites" / f"{site}.yaml").read_text())
            fleet.spawn_agent(site)
        fleet.wait_for_sites(*SITES)
        home = folder / "clone"
        (home / ".hutong").mkdir(parents=True)
        (home / ".hutong" / "client.json").symlink_to(fleet.data / "client.json")
        (home / "examples").symlink_to(ROOT / "examples")
        yield home


def run_page(read: Page, home: Path) -> Iterator[Ran]:
    """Write the files of a page and run its marked blocks, in their order."""
    for block in read.blocks:
        if block.file:
            (home / block.file).write_text(block.body)
        elif block.mark.startswith("run"):
            yield _run(block, home)


def _run(block: Block, home: Path) -> Ran:
    if block.language == "python":
        done = _shell(f"{sys.executable} -c {_quoted(block.body)}", home)
        return Ran(block, block.body, (done.returncode,))
    shown, codes = [], []
    for command in re.findall(r"^\$ (.+(?:\\\n.+)*)$", block.body, re.MULTILINE):
        done = _shell(command, home)
        codes.append(done.returncode)
        shown.append(f"$ {command}\n{_plain(done.stdout)}")
    return Ran(block, "".join(shown), tuple(codes))


def _shell(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", command], cwd=home, env=_environment(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _plain(output: str) -> str:
    lines = [line.rstrip() for line in output.splitlines()]
    return "".join(f"{line}\n" for line in lines)


def _environment() -> dict[str, str]:
    """A shell without settings for Hutong, in which `hutong` is the one that runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUTONG_")}
    bin_folder = str(Path(sys.executable).parent)
    return {**kept, "PATH": f"{bin_folder}:{kept['PATH']}", "NO_COLOR": "1", "COLUMNS": "100"}


def alike(text: str) -> str:
    """A text without what differs from run to run: numbers, times, ids, the width of columns."""
    text = re.sub(r"\b[a-z0-9]{6}-(?=j\d)", "HUB-", text)
    text = re.sub(r"\bj\d+(?:-\d+)*", "j#", text)
    text = re.sub(r"(?:\bin )?<?(?<!\w)\d[^\s);]*|\bnow\b", "#", text)
    return re.sub(r"[ \t]+", " ", text)


def main(names: list[str]) -> None:
    """Write the outputs of these pages again."""
    for name in names:
        read = page(name)
        text = read.text
        with tempfile.TemporaryDirectory() as folder, three_sites(Path(folder)) as home:
            for ran in run_page(read, home):
                if ran.block.language == "console":
                    text = text.replace(f"```console\n{ran.block.body}", f"```console\n{ran.shown}")
                sys.stdout.write(f"{ran.block.place} {ran.codes}\n")
        read.path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
