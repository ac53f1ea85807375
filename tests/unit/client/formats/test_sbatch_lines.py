"""Splitting `#SBATCH` lines into options as Slurm does."""

import pytest

from hutong.client.formats import sbatch_options as table
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from tests.unit.client.formats.support import one, parse, refusal, said, script, warned


@pytest.mark.parametrize(
    "line",
    [
        "--cpus-per-task=4", "--cpus-per-task 4", "-c4", "-c 4", '-c "4"', "-c '4'",
        "--cpus-per-task=4 # four of them", "-c 4 #", "-Hc 4".replace("H", "s"), "   -c   4   ",
        "--cpus-per-task=\\4", "-J x -c 4 --mem=1G", "-c 2 -c 4",
    ],
)  # fmt: skip
def test_an_option_may_be_written_in_every_way_of_slurm(line: str) -> None:
    assert one(script(line)).needs.cpu_milli == 4000


def test_quotes_hold_spaces_and_signs() -> None:
    assert one(script('--job-name="my job #1"')).name == "my job #1"
    assert one(script("--job-name='a b' --comment=\"it's\"")).labels == {"comment": "it's"}


def test_a_line_without_a_gap_is_one_too() -> None:
    assert one("#!/bin/bash\n#SBATCH--ntasks=1 -c 2\ntrue\n").needs.cpu_milli == 2000
    assert one("#!/bin/bash\n#SBATCH\t-c\t2\ntrue\n").needs.cpu_milli == 2000
    assert one("#!/bin/bash\n#SBATCH\ntrue\n").needs.cpu_milli == 1000


def test_lines_count_only_before_the_first_command() -> None:
    parsed = parse("#!/bin/bash\n\n# text\n#SBATCH -c 2\ntrue\n#SBATCH -c 4\n")
    assert parsed.jobs[0].needs.cpu_milli == 2000
    assert warned(parsed) == [(6, "#SBATCH")]


def test_near_misses_are_comments_and_said_so() -> None:
    text = (
        "#!/bin/bash\n# SBATCH -c 2\n#sbatch -c 3\n #SBATCH -c 4\n##SBATCH -c 5\n#SBATCHER\ntrue\n"
    )
    parsed = parse(text)
    assert parsed.jobs[0].needs.cpu_milli == 1000
    assert warned(parsed) == [(2, "# SBATCH"), (3, "#sbatch"), (4, "#SBATCH")]


def test_an_option_said_twice_counts_as_said_later() -> None:
    parsed = parse(script("-c 2", "--cpus-per-task=4"))
    assert parsed.jobs[0].needs.cpu_milli == 4000
    assert warned(parsed) == [(3, "--cpus-per-task=4")]
    assert "line 2" in parsed.warnings[0].sentence


@pytest.mark.parametrize(
    ("line", "word", "advice"),
    [
        ("--cpu-per-task=4", "--cpu-per-task", "Did you mean `--cpus-per-task`?"),
        ("--job_name=x", "--job_name", "Did you mean `--job-name`?"),
        ("--gpu=2", "--gpu", "Did you mean `--gpus`?"),
        ("--ntask=2", "--ntask", "Did you mean `--ntasks`?"),
        ("--xyzzy", "--xyzzy", "It is no option of sbatch."),
        ("-Z", "-Z", "It is no option of sbatch."),
        ("-sZ", "-Z", "It is no option of sbatch."),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest(line: str, word: str, advice: str) -> None:
    error = refusal(script("-n 1", line))
    assert said(error) == ("file.unknown_key", 3, word)
    assert error.hint == advice


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("--mem", "`--mem` has no value"),
        ("--mem=", "`--mem` has no value"),
        ("-c", "`-c` has no value"),
        ("--requeue=yes", "`--requeue` takes no value"),
        ("-c=4", "`-c=4` has a `=` behind a letter"),
        ("4", "`4` is not an option"),
        ("--mem=4G GB", "`GB` is not an option"),
        ("-n 1 -- x", "`--` is not an option"),
        ("- x", "`-` is not an option"),
        ("--job-name='x", "a quote is not closed"),
    ],
)
def test_a_line_that_cannot_be_split_is_refused(line: str, problem: str) -> None:
    error = refusal(script("-N 1", line))
    assert error.code == "file.syntax"
    assert error.facts["line"] == 3
    assert problem in error.message


@pytest.mark.parametrize("name", sorted(table.REFUSED))
def test_each_refused_option_is_refused_with_its_line_and_word(name: str) -> None:
    option, (problem, advice) = table.REFUSED[name]
    line = f"--{name}=1" if option.argument == "value" else f"--{name}"
    error = refusal(script("-n 1", line))
    assert said(error) == ("file.unsupported", 3, line)
    assert problem in error.message
    assert error.hint == advice
    if option.letter:
        word = f"-{option.letter} 1" if option.argument == "value" else f"-{option.letter}"
        assert said(refusal(script(word))) == ("file.unsupported", 2, word)


@pytest.mark.parametrize("name", sorted(table.UNNEEDED))
def test_each_unneeded_option_is_named_in_a_warning(name: str) -> None:
    option, sentence = table.UNNEEDED[name]
    line = f"--{name}=1" if option.argument == "value" else f"--{name}"
    parsed = parse(script("-n 1", line))
    (warning,) = parsed.warnings
    assert (warning.line, warning.word, warning.sentence) == (3, line, sentence)
    plain = parse(script("-n 1", "")).jobs[0]
    assert parsed.jobs[0].needs == plain.needs


def test_no_option_is_in_two_tables_and_no_letter_stands_for_two() -> None:
    names = [*table.HONOURED, *table.UNNEEDED, *table.REFUSED]
    assert len(names) == len(set(names))
    letters = [option.letter for option in table.OPTIONS.values() if option.letter]
    assert len(letters) == len(set(letters))
    assert set(table.ALIASES.values()) <= set(names)


def test_older_names_are_known() -> None:
    assert one(script("--workdir=/data")).program.workdir == "/data"
    assert one(script("--cluster=bj-1")).constraints.sites == ("bj-1",)


@pytest.mark.parametrize("word", ["hetjob", "packjob"])
def test_parts_of_unlike_size_are_groups_whose_ranks_come_first(word: str) -> None:
    lines = ("-J ray -N 1 -c 4 --mem=16G", word, "-N 8 -c 16 --gres=gpu:h800:8")
    job = one(script(*lines, body="exec start"))
    (head,) = job.groups
    assert (head.name, head.tasks, head.needs) == ("het-0", 1, TaskNeeds(4000, 16_384))
    assert (job.tasks, job.needs.cpu_milli) == (8, 16_000)
    assert job.needs.accelerators == (AcceleratorNeed("H800", 8000),)
    assert head.program is not None
    assert head.program.script == job.program.script
    assert head.program.env == {"SLURM_HET_SIZE": "2"}
    assert job.program.env["SLURM_HET_SIZE"] == "2"
    assert job.program.env["SLURM_NNODES"] == "8"


def test_a_part_says_sizes_alone() -> None:
    error = refusal(script("-n 1", "hetjob", "-A acme/vision"))
    assert said(error) == ("file.unsupported", 4, "-A acme/vision")
    assert "before the first `hetjob`" in error.hint


def test_parts_of_a_range_of_nodes_are_refused() -> None:
    assert "a gang with groups has one size" in refusal(script("-N 1", "hetjob", "-N 2-4")).message


@pytest.mark.parametrize("line", ["#PBS -N x", "#BSUB -J x"])
def test_lines_that_sbatch_reads_beside_its_own_are_refused(line: str) -> None:
    text = f"#!/bin/bash\n#SBATCH -n 1\n{line}\ntrue\n"
    assert said(refusal(text)) == ("file.unsupported", 3, line.split(maxsplit=1)[0])
    ignored = parse(text.replace("-n 1", "-n 1 --ignore-pbs"))
    assert warned(ignored) == [(3, line.split(maxsplit=1)[0])]


@pytest.mark.parametrize("line", ["#CBATCH -n 1", "#HQ --cpus 2", "#flux: -N 1", "#$ -N x"])
def test_a_script_of_another_scheduler_is_refused_and_a_mixed_one_warned_of(line: str) -> None:
    word = line.split(maxsplit=1)[0].rstrip(":")
    assert refusal(f"#!/bin/bash\n{line}\ntrue\n").facts["line"] == 2
    ((number, found),) = warned(parse(f"#!/bin/bash\n#SBATCH -n 1\n{line}\ntrue\n"))
    assert (number, found.rstrip(":")) == (3, word)
