"""The guide to job files names every key, option, field and command that the readers know."""

import re
from pathlib import Path

import pytest
import yaml

from hutong.client.formats import detect_format, hutong, kubernetes_keys, read_jobs, sbatch
from hutong.client.formats import hutong_gang as gang
from hutong.client.formats import hutong_needs as needs
from hutong.client.formats import hutong_place as place
from hutong.client.formats import hutong_program as program
from hutong.client.formats import sbatch_options as options
from hutong.client.formats import skypilot_keys as skypilot
from hutong.client.formats.chips import STACK_OF_GRES
from hutong.client.formats.nodes import Keys
from tests.unit.client.formats.support import NOW_MS
from tests.unit.client.formats.support import hutong as job

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "job-files.md"
TEXT = GUIDE.read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading of the second level."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def unnamed(names: list[str], title: str) -> list[str]:
    """Names that a section does not have in code, on their own or behind a dot or dashes."""
    code = " ".join(re.findall(r"`([^`\n]+)`", section(title)))
    words = set(re.split(r"[\s.{}:,=\[\]]+", code))
    return [name for name in names if name not in words]


def all_of(*tables: Keys) -> list[str]:
    return [key for table in tables for key in (*table.honoured, *table.refused, *table.unneeded)]


def test_every_key_of_hutong_yaml_is_named() -> None:
    tables = (
        hutong.JOB_KEYS, needs.RESOURCES_KEYS, place.WHERE_KEYS, hutong.RETRY_KEYS,
        hutong.DEPENDS_KEYS, program.FILE_KEYS, place.PREFER_KEYS, place.INPUT_KEYS,
        place.COMMERCIAL_KEYS, place.WEIGH_KEYS, gang.GROUP_KEYS,
    )  # fmt: skip
    assert unnamed(all_of(*tables), "Hutong YAML") == []
    for key in (*needs.ACCELERATOR_KEYS.honoured, *needs.ARRAY_KEYS.honoured):
        assert f"{key}:" in section("Hutong YAML"), key


def test_every_option_of_sbatch_is_named() -> None:
    names = [f"--{name}" for name in options.OPTIONS]
    assert unnamed(names, "sbatch scripts") == []
    letters = [f"-{option.letter}" for option in options.HONOURED.values() if option.letter]
    assert unnamed(letters, "sbatch scripts") == []
    commands = [*sbatch.NOT_ELSEWHERE, *sbatch.ONLY_ASK, *STACK_OF_GRES, *STACK_OF_GRES.values()]
    assert unnamed(commands, "sbatch scripts") == []
    assert [name for name in sbatch.LAUNCHERS if f"`{name}" not in section("sbatch scripts")] == []


def test_every_key_of_skypilot_is_named() -> None:
    tables = (skypilot.TASK, skypilot.RESOURCES, skypilot.RECOVERY)
    assert unnamed(all_of(*tables), "SkyPilot tasks") == []


def test_every_field_of_kubernetes_is_named() -> None:
    tables = (
        kubernetes_keys.METADATA, kubernetes_keys.SPEC, kubernetes_keys.POD,
        kubernetes_keys.CONTAINER, kubernetes_keys.ENV,
    )  # fmt: skip
    assert unnamed(all_of(*tables), "Kubernetes Jobs") == []
    extra = [
        kubernetes_keys.QUEUE_LABEL, kubernetes_keys.PRIORITY_LABEL, kubernetes_keys.CHIP_LABEL,
        kubernetes_keys.REGION_LABELS[0], *kubernetes_keys.UNCOUNTED,
    ]  # fmt: skip
    assert [name for name in extra if f"`{name}" not in section("Kubernetes Jobs")] == []


BLOCKS = [
    (found[1], found[2]) for found in re.finditer(r"```(yaml|bash)\n(.*?)```", TEXT, re.DOTALL)
]


@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=lambda part: part[:20])
def test_every_example_is_read_and_has_the_format_of_its_section(language: str, text: str) -> None:
    title = re.findall(r"\n## (.+)\n", TEXT[: TEXT.index(text)])[-1]
    format = {"sbatch scripts": "sbatch", "SkyPilot tasks": "skypilot"}.get(title, "hutong")
    format = "kubernetes" if title == "Kubernetes Jobs" else format
    if language == "yaml" and not re.search(r"^(run|command|kind):", text, re.MULTILINE):
        pieces = [job(_whole(piece)) for piece in text.split("---\n")]
    else:
        pieces = [text]
    for piece in pieces:
        parsed = read_jobs(piece, "guide", attach=lambda _: b"x", now_ms=NOW_MS)
        assert parsed.format == format == detect_format(piece, "guide")


def _whole(piece: str) -> str:
    """Put what belongs below `resources` there."""
    if not piece.startswith("accelerators:"):
        return piece
    return "resources:\n" + "".join(f"  {line}\n" for line in piece.splitlines())


def test_defaults_in_the_guide_are_the_jobs_own() -> None:
    plain = read_jobs(job(), "guide").jobs[0]
    rows = dict(
        re.findall(r"^\| `(\w+)` \| .* \| (\S.*?) \|$", section("Hutong YAML"), re.MULTILINE)
    )
    assert rows["tasks"] == str(plain.tasks)
    assert rows["tenant"] == f"`{plain.tenant}`"
    assert rows["priority"] == f"`{plain.priority}`"
    assert rows["objective"] == f"`{plain.objective.value}`"
    retry = plain.retry
    assert rows["retry"] == f"{retry.user_count}, {retry.machine_count}, {retry.site_count}"
    assert rows["grace"] == f"`{plain.grace_ms // 1000}s`"
    assert rows["preemptible"] == f"`{yaml.safe_dump(plain.preemptible).split()[0]}`"
    assert rows["exclusive"] == f"`{yaml.safe_dump(plain.exclusive).split()[0]}`"
    assert f"{plain.needs.memory_mib} MiB" in TEXT
