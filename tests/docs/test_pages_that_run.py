"""The marked blocks of the pages run against a real hub, and print what the pages show.

Marks stand in a comment right above a block:

- `<!-- run -->`: every command succeeds and prints this, but for numbers, times and ids;
- `<!-- run: output varies -->`: every command succeeds;
- `<!-- run: it fails -->`: the last command fails, and prints this;
- `<!-- file: NAME -->`: the block is written to a file.

`python -m tests.docs.runner PAGE...` renews what is shown.
"""

from pathlib import Path

import pytest

from tests.docs.pages import Page, all_pages
from tests.docs.runner import alike, run_page, three_sites

RUNNING = [
    page for page in all_pages() if any(block.mark.startswith("run") for block in page.blocks)
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.name)
def test_the_blocks_of_the_page_do_what_it_says(page: Page, tmp_path: Path) -> None:
    with three_sites(tmp_path) as home:
        for ran in run_page(page, home):
            *before, last = ran.codes
            failed = ran.block.mark == "run: it fails"
            assert not any(before), f"{ran.block.place}: {ran.shown}"
            assert bool(last) is failed, f"{ran.block.place}: {ran.shown}"
            if ran.block.mark != "run: output varies":
                assert alike(ran.shown) == alike(ran.block.body), ran.block.place


def test_getting_started_is_among_the_pages_that_run() -> None:
    assert "docs/getting-started.md" in [page.name for page in RUNNING]


def test_only_numbers_times_and_ids_may_differ() -> None:
    shown = "j1  2ms  1,234  k3v9qa-j1-1  02:59:35  CNY <0.0001 now"
    assert alike(shown) == alike("j12 15s  7  abcdef-j12-3  03:00:01  CNY 12.5 in 3m")
    assert alike("j1 succeeded") != alike("j1 failed")
