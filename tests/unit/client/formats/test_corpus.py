"""Job files as people have them, and what each is to Hutong, beside it in a `.expected` file.

An expectation is the format, the warnings, and each job in hutong YAML without its script; or the
error that the person sees.
"""

from pathlib import Path

import pytest
import yaml

from hutong.client.formats import folder_reader, read_jobs, read_text
from hutong.client.formats.writer import to_mapping
from hutong.model.errors import HutongError
from tests.unit.client.formats.support import NOW_MS

CORPUS = Path(__file__).with_name("corpus")
FILES = sorted(path for path in CORPUS.iterdir() if path.suffix != ".expected")


def meaning(path: Path) -> str:
    """What a file means, or why it is refused, as text."""
    try:
        parsed = read_jobs(read_text(path), path.name, attach=folder_reader(CORPUS), now_ms=NOW_MS)
    except HutongError as error:
        return f"{error.code}: {error.message}\nhint: {error.hint}\n"
    lines = [f"# {parsed.format}"]
    lines += [f"# {found.line}: `{found.word}`: {found.sentence}" for found in parsed.warnings]
    for job in parsed.jobs:
        mapping = to_mapping(job)
        mapping.pop("run", None)
        lines.append(yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True, width=100))
    return "\n".join(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_the_corpus_means_what_is_expected_of_it(path: Path) -> None:
    expected = path.with_name(f"{path.name}.expected")
    assert meaning(path) == expected.read_text(encoding="utf-8")


def test_no_expectation_is_left_over() -> None:
    names = {f"{path.name}.expected" for path in FILES}
    assert {path.name for path in CORPUS.iterdir() if path.suffix == ".expected"} == names
