"""Finding the commands of a shell script."""

import pytest

from hutong.client.formats.shell import is_shell, run_words


def lines_with(word: str, script: str) -> list[int]:
    return [found.line for found in run_words(script) if found.text == word]


@pytest.mark.parametrize(
    "command",
    [
        "srun python train.py",
        "  srun -n 4 ./a.out",
        "/usr/bin/srun ./a.out",
        "time srun ./a.out",
        "exec srun ./a.out",
        "if srun ./a.out; then echo; fi",
        "for i in 1 2; do srun ./a.out $i & done",
        "cd x && srun ./a.out",
        "cd x; srun ./a.out | tee log",
        "timeout 60 srun ./a.out",
        "nohup srun ./a.out &",
        "OUT=$(srun hostname)",
        'echo "hosts: $(srun hostname)"',
        "echo `srun hostname`",
        'echo "`srun hostname`"',
        "LAUNCH=srun",
        'LAUNCH="srun --mpi=pmix -n 4"',
        "export LAUNCH='srun -n 4'",
        'bash -c "srun ./a.out"',
        "{ srun ./a.out; }",
        "( srun ./a.out )",
        "A=1 srun ./a.out",
        "echo a; srun b",
        "x=$((1<<4)); srun b",
        'echo ${#a[@]} "${b}"; srun c',
        "echo 'it''s'; srun c",
        'cat <<< "text"; srun c',
        "command srun ./a.out",
    ],
)
def test_a_command_is_found_wherever_a_shell_would_run_it(command: str) -> None:
    assert lines_with("srun", f"#!/bin/bash\n{command}\n") == [2]


@pytest.mark.parametrize(
    "command",
    [
        "# srun python train.py",
        "echo hi # srun",
        "echo srun is not here",
        'echo "srun is not here"',
        "printf '%s' srun",
        "which srun",
        "command -v srun > /dev/null",
        "type srun",
        "python launch.py --with 'srun'",
        "mysrun x",
        "srun2 x",
        "ls srun.log",
        "echo $srun",
        "cat <<EOF\nsrun x\nEOF",
        "cat <<-'END'\n\tsrun x\n\tEND",
        'cat <<"A" <<B\nsrun x\nA\nsrun y\nB',
        "grep srun log",
    ],
)
def test_words_that_no_shell_would_run_are_left_alone(command: str) -> None:
    assert lines_with("srun", f"#!/bin/bash\n{command}\n") == []


def test_lines_are_counted_through_quotes_documents_and_continuations() -> None:
    script = "#!/bin/bash\nA='\n\n'\ncat <<E\nx\nE\npython \\\n  -m x\nsrun a\n"
    assert lines_with("srun", script) == [10]


def test_what_follows_a_document_is_read_again() -> None:
    assert lines_with("srun", "cat <<E\nx\nE\nsrun a\n") == [4]
    assert lines_with("srun", "echo $((1<<E))\nsrun a\n") == [2]


@pytest.mark.parametrize(
    ("line", "shell"),
    [
        ("#!/bin/bash", True), ("#!/bin/sh -e", True), ("#!/usr/bin/env bash", True),
        ("#! /bin/zsh", True), ("#!/usr/bin/env -S bash -l", True), ("#!/usr/bin/python3", False),
        ("#!/usr/bin/env python3", False), ("#!/usr/bin/Rscript", False), ("echo", True),
        ("#!", False),
    ],
)  # fmt: skip
def test_a_script_for_a_shell_is_known_by_its_first_line(line: str, shell: bool) -> None:
    assert is_shell(f"{line}\necho\n") is shell


@pytest.mark.parametrize(
    "broken",
    ["it's\n" * 20_000, "cat <<EOF\n" * 20_000, '"$(' * 30_000, "\\\n" * 30_000, "`" * 60_000],
    ids=["quotes", "documents", "nesting", "continuations", "backticks"],
)
def test_a_broken_script_takes_time_in_proportion(broken: str) -> None:
    # Each would run for hours if a step looked at the whole script again.
    assert sum(1 for _ in run_words(broken)) <= len(broken)
