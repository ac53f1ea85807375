"""The first page: short, true, and its two commands are the ones that CI and a newcomer run."""

import re
import tomllib

from hutong.catalog import load_catalog
from hutong.cli.demo.workload import JOBS
from tests.docs.pages import ROOT, Page, page


def readme() -> Page:
    return page("README.md")


def commands() -> list[str]:
    """What the README's blocks tell a newcomer to type, without comments."""
    lines = [
        line.removeprefix("$ ")
        for block in readme().blocks
        if block.language in ("sh", "console")
        for line in block.body.splitlines()
        if block.language == "sh" or line.startswith("$ ")
    ]
    return [re.sub(r"\s+#.*$", "", line) for line in lines]


def test_it_is_shorter_than_120_lines() -> None:
    assert len(readme().text.splitlines()) < 120


def test_it_begins_with_the_sentence_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    sentence = readme().text.splitlines()[2]
    assert sentence == project["description"] + "."
    assert project["readme"] == "README.md"


def test_it_has_no_badges() -> None:
    assert not re.search(r"shields\.io|badge", readme().text, re.IGNORECASE)


def test_the_two_commands_are_make_run_and_make_test() -> None:
    assert {"make run", "make test"} <= set(commands())


def test_ci_runs_the_readmes_own_test_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    (test,) = [command for command in commands() if "test" in command]
    assert test in lines


def test_it_counts_the_vendors_of_the_catalogue() -> None:
    vendors = {row.vendor for row in load_catalog().accelerators.values() if row.domestic}
    words = {8: "eight", 9: "nine", 10: "ten", 7: "seven"}
    assert f"{words[len(vendors)]} Chinese vendors" in readme().text


def test_its_pictures_are_in_the_repository() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme().text)
    assert [name for name in pictures if not (ROOT / name).is_file()] == []


def test_what_make_run_prints_shows_every_bundled_job_as_it_must_end() -> None:
    (shown,) = [block.body for block in readme().blocks if block.body.startswith("$ make run\n")]
    rows = re.findall(r"^j\d+ +(\S+) +([a-z]+) +(\d+) ", shown, re.MULTILINE)
    ended = {name: (state, int(attempts)) for name, state, attempts in rows}
    for name, expected in JOBS.items():
        state, attempts = ended[name]
        assert (state, attempts >= expected.attempts) == (expected.state, True), name
    assert re.search(r"^All \d+ checks hold", shown, re.MULTILINE)
