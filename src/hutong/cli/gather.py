"""The jobs that a command line names: read from files, or made of a program behind `--`."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from cyclopts import Group, Parameter

from hutong.cli import human, output
from hutong.cli.app import STDIN
from hutong.client.formats.words import BadWord, priority_class
from hutong.model import limits
from hutong.model.check_program import is_env_name, problem_of_relative_path
from hutong.model.errors import refuse
from hutong.model.ids import TenantId
from hutong.model.job import InlineFile, JobSpec, Program
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from hutong.model.validate import check_spec

CHANGES = Group("What the files leave open", sort_key=10)
PROGRAM = Group("A program instead of files (behind `--`)", sort_key=11)
T = TypeVar("T")

_change = Parameter(group=CHANGES)
_program = Parameter(group=PROGRAM)


@Parameter(name="*")
@dataclass(frozen=True)
class Changes:
    """What the command line says of all its jobs.

    Parameters
    ----------
    format
        Format of the files: hutong, sbatch, skypilot or kubernetes. Else each file tells.
    name
        Name of the job, instead of the file's.
    tenant
        Tenant that pays, instead of the file's. HUTONG_TENANT is used where no file says one.
    priority
        Priority class, instead of the file's: urgent, high, normal, low, best-effort, or another
        that the hub has.
    env
        NAME=VALUE for the environment of every task; may be repeated.
    file
        A small text file to send along: LOCAL, or LOCAL:NAME to rename it; may be repeated.
    """

    format: Annotated[str, _change] = ""
    name: Annotated[str, _change] = ""
    tenant: Annotated[str, _change] = ""
    priority: Annotated[str, _change] = ""
    env: Annotated[tuple[str, ...], _change] = ()
    file: Annotated[tuple[str, ...], _change] = ()


@Parameter(name="*")
@dataclass(frozen=True)
class Command:
    """What a program needs that is handed in without a file.

    Parameters
    ----------
    cpus
        CPUs for each task, such as 4 or 0.5.
    memory
        Memory for each task, such as 16GiB.
    accelerators
        Chips for each task: A100:2, 910B, or any; repeat it to allow others.
    tasks
        Tasks that start together as one gang.
    array
        Run it once for each number: 0-99, 0-98:2 or 0-99%10.
    time_limit
        End it after this time, such as 2h30m.
    program
        The words behind `--`.
    """

    cpus: Annotated[str, _program] = ""
    memory: Annotated[str, _program] = ""
    accelerators: Annotated[tuple[str, ...], _program] = ()
    tasks: Annotated[int, _program] = 1
    array: Annotated[str, _program] = ""
    time_limit: Annotated[str, _program] = ""
    program: Annotated[str, Parameter(group=PROGRAM, show=False)] = ""


NO_CHANGES = Changes()
NO_COMMAND = Command()


def gather(
    command: str, files: Sequence[Path], changes: Changes, program: Command
) -> tuple[JobSpec, ...]:
    """Read everything that the command line names; warnings go to stderr.

    Raises `file.*` with the line and the word of a file that cannot be read whole, and `cli.usage`
    for options that make no sense together.
    """
    words = tuple(json.loads(program.program)) if program.program else ()
    if bool(files) == bool(words):
        problem = (
            "there are files and a program; hand in one or the other"
            if files
            else "no file is named, and no program behind `--`"
        )
        raise refuse("cli.usage", problem=problem, command=command)
    if files and program != NO_COMMAND:
        problem = "--cpus and its like belong to a program behind `--`; a job file says them itself"
        raise refuse("cli.usage", problem=problem, command=command)
    specs = _of_files(files, changes) if files else [_of_program(command, words, program)]
    if changes.name and len(specs) > 1:
        problem = f"--name is for one job, and these are {len(specs)}"
        raise refuse("cli.usage", problem=problem, command=command)
    changed = tuple(_changed(command, spec, changes) for spec in specs)
    for spec in changed:
        check_spec(spec)
    return changed


def _of_files(files: Sequence[Path], changes: Changes) -> list[JobSpec]:
    from hutong.client.formats import folder_reader, read_jobs, read_text

    base: dict[str, Any] = {}
    if tenant := os.environ.get("HUTONG_TENANT"):
        base["tenant"] = TenantId(tenant)
    specs: list[JobSpec] = []
    for file in files:
        piped = str(file) == STDIN
        shown = "<stdin>" if piped else str(file)
        parsed = read_jobs(
            _stdin() if piped else read_text(file),
            shown,
            format=changes.format or None,
            base=base,
            attach=folder_reader(Path.cwd() if piped else file.parent),
            now_ms=human.now_ms(),
        )
        for warning in parsed.warnings:
            output.warn(f"{shown}:{warning.line}: `{warning.word}`: {warning.sentence}")
        specs.extend(parsed.jobs)
    return specs


def _stdin() -> str:
    from hutong.client.formats import decode

    return decode(sys.stdin.buffer.read(limits.JOB_FILE_BYTES + 1), "<stdin>")


def _of_program(command: str, words: tuple[str, ...], program: Command) -> JobSpec:
    from hutong.client.formats.ranges import array_of_word
    from hutong.client.formats.times import duration_ms
    from hutong.client.formats.words import cpu_milli, memory_mib

    def read(option: str, word: str, reading: Callable[[str], T], otherwise: T) -> T:
        return _read(command, option, word, reading) if word else otherwise

    plain = TaskNeeds()
    needs = TaskNeeds(
        read("--cpus", program.cpus, cpu_milli, plain.cpu_milli),
        read("--memory", program.memory, memory_mib, plain.memory_mib),
        _chips(command, program.accelerators),
    )
    return JobSpec(
        name=Path(words[0]).name or "job",
        program=Program(argv=words),
        tenant=TenantId(os.environ.get("HUTONG_TENANT") or "default"),
        tasks=program.tasks,
        needs=needs,
        array=read("--array", program.array, array_of_word, None),
        time_limit_ms=read("--time-limit", program.time_limit, duration_ms, 0),
        source="command",
    )


def _chips(command: str, words: Sequence[str]) -> tuple[AcceleratorNeed, ...]:
    if not words:
        return ()
    from hutong.catalog import load_catalog
    from hutong.client.formats.chips import joined, named_with_count

    catalog = load_catalog()
    return joined(
        _read(command, "--accelerators", word, lambda text: named_with_count(catalog, text))
        for words_ in words
        for word in words_.split(",")
    )


def _read(command: str, option: str, word: str, reading: Callable[[str], T]) -> T:
    try:
        return reading(word)
    except BadWord as wrong:
        advice = wrong.advice.rstrip(".")
        problem = f"{option} cannot be `{word}`: {wrong.problem}. {advice}"
        raise refuse("cli.usage", problem=problem, command=command) from None


def _changed(command: str, spec: JobSpec, changes: Changes) -> JobSpec:
    if changes == NO_CHANGES:
        return spec
    given: dict[str, Any] = {}
    if changes.name:
        given["name"] = changes.name
    if changes.tenant:
        given["tenant"] = TenantId(changes.tenant)
    if changes.priority:
        word = changes.priority
        given["priority"] = _read(command, "--priority", word, priority_class)
    program = spec.program
    if changes.env:
        env = dict(_variable(command, text) for text in changes.env)
        program = msgspec.structs.replace(program, env={**program.env, **env})
    if changes.file:
        files = {file.name: file for file in program.files}
        files.update((file.name, file) for file in map(_attached, changes.file))
        program = msgspec.structs.replace(program, files=tuple(files.values()))
    return msgspec.structs.replace(spec, program=program, **given)


def _variable(command: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not is_env_name(name):
        problem = f"--env takes NAME=VALUE, not `{text}`"
        raise refuse("cli.usage", problem=problem, command=command)
    return name, value


def _attached(text: str) -> InlineFile:
    """Read a file to send along. A colon renames it, unless the file's own name has one."""
    path, colon, name = text.rpartition(":")
    if not colon or not name or Path(text).exists():
        path, name = text, Path(text).name
    if problem := problem_of_relative_path(name):
        raise refuse("file.unreadable", file=text, problem=f"its name for the job: {problem}")
    try:
        with open(path, "rb") as file:
            data = file.read(limits.INLINE_FILE_BYTES + 1)
        executable = os.access(path, os.X_OK) or data.startswith(b"#!")
    except (OSError, ValueError) as wrong:
        words = (getattr(wrong, "strerror", None) or "it is no path").lower()
        raise refuse("file.unreadable", file=path, problem=words) from None
    if len(data) > limits.INLINE_FILE_BYTES:
        size = f"it is larger than {limits.INLINE_FILE_BYTES // limits.KIB} KiB"
        raise refuse("file.unreadable", file=path, problem=size)
    try:
        content = data.decode()
    except UnicodeDecodeError:
        raise refuse("file.unreadable", file=path, problem="it is not UTF-8 text") from None
    return InlineFile(name, content, executable)
