"""The bundled job files are read, every site file's hub would run them, and guides show them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hutong.client.formats import folder_reader, read_jobs, read_text
from tests.docs.pages import ROOT, all_pages
from tests.docs.runner import three_sites

JOBS = ROOT / "examples" / "jobs"
FILES = sorted(path for path in JOBS.iterdir() if path.suffix in {".yaml", ".sbatch"})
NOW_MS = 1_795_000_000_000
NOWHERE = {"needs-gb200.yaml"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_bundled_job_file_is_read(path: Path) -> None:
    parsed = read_jobs(read_text(path), str(path), attach=folder_reader(path.parent), now_ms=NOW_MS)
    assert parsed.jobs


def test_a_guide_shows_the_bundled_file_as_it_is() -> None:
    shown = [
        block
        for page in all_pages()
        if page.name.startswith("docs/guides/")
        for block in page.blocks
        if block.file
    ]
    assert {block.file for block in shown} >= {"elastic.yaml", "spot.yaml", "urgent.yaml"}
    for block in shown:
        assert block.body == (JOBS / block.file).read_text(), block.place


@pytest.mark.timeout(240)
def test_the_three_sites_could_run_every_bundled_job(tmp_path: Path) -> None:
    with three_sites(tmp_path) as home:
        said = {}
        for path in FILES:
            ran = subprocess.run(
                [str(Path(sys.executable).with_name("hutong")), "plan", str(path)],
                cwd=home, env={**os.environ, "COLUMNS": "100"}, capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
            said[path.name] = (ran.returncode, ran.stdout + ran.stderr)
    assert {name for name, (code, _) in said.items() if code} == NOWHERE, said
