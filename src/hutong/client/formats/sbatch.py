"""sbatch scripts: the `#SBATCH` lines say what the job needs, the whole text is what it runs.

Slurm runs a batch script once, on the first node, and `srun` in it starts the tasks. Sites need
not be Slurm clusters, so that there is no `srun`: a script that calls it is refused with its line.
Without it, what Slurm does with one node is what Hutong does: the script runs once and holds all
that its tasks were asked for together. On several nodes Hutong starts the script once on each,
as one task of a gang, because nothing in it could reach the others.
"""

import re

import msgspec

from hutong.client.formats import times, words
from hutong.client.formats.draft import Draft, FileWarning, Place
from hutong.client.formats.ranges import array_of_word
from hutong.client.formats.sbatch_lines import Said, options
from hutong.client.formats.sbatch_shape import read_shape
from hutong.client.formats.shell import is_shell, run_words
from hutong.client.formats.source import Source
from hutong.model import limits
from hutong.model.check_program import is_env_name
from hutong.model.classes import BEST_EFFORT
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import JobId, TenantId, is_job, is_name, is_tenant
from hutong.model.job import Dependency, DependencyKind, JobSpec, Layout, Level, TaskGroup

KIND = "sbatch"

NOT_ELSEWHERE = (
    "srun", "sbatch", "salloc", "sattach", "sbcast", "scontrol", "scancel", "strigger",
)  # fmt: skip
"""Commands that do something with a Slurm cluster: a site need not have them."""

ONLY_ASK = ("squeue", "sacct", "sinfo", "sstat", "sprio", "sshare", "sreport", "sacctmgr")
"""Commands that only ask a Slurm cluster something."""

LAUNCHERS = ("mpirun", "mpiexec", "mpiexec.hydra", "orterun", "prun", "aprun", "jsrun", "ibrun")
"""Commands that start processes on every node of a job."""

_PRIORITIES = {"best_effort": BEST_EFFORT, "besteffort": BEST_EFFORT}
_RELATIVE_FILE = re.compile(r"(?:\./)?[\w-][\w.-]*(?:/[\w.-]+)*\.(?:py|sh|R|r|jl|ipynb|m|pl)")
_KINDS = {kind.value: kind for kind in DependencyKind}


def read(source: Source) -> tuple[list[JobSpec], list[FileWarning]]:
    """Read a batch script."""
    if not source.text.startswith("#!"):
        raise source.syntax(
            1, "a batch script begins with a `#!` line", "Make `#!/bin/bash` the first line."
        )
    draft = Draft(source, KIND)
    parts = options(source, draft)
    said = parts[0]
    _keep_the_later(said, "requeue", "no-requeue")
    draft.put("program.script", source.text, Place(1, "the script"))
    read_shape(source, draft, parts[-1])
    for name, reading in _READINGS.items():
        if name in said:
            try:
                reading(said[name], draft)
            except words.BadWord as error:
                raise _bad(source, said[name], error) from None
    if len(parts) > 1:
        _put_groups(source, draft, parts)
    if not draft.said("name"):
        draft.put("name", _file_name(source.file), Place(1, "the file's name"))
    _check_commands(source, draft)
    return [draft.finish()], draft.warnings


def _put_groups(source: Source, draft: Draft, parts: list[dict[str, Said]]) -> None:
    """Make the parts before the last one groups of the gang: their ranks come first, as in Slurm.

    The last part, whose tasks are the job's own, is in the draft already.
    """
    size = {"SLURM_HET_SIZE": str(len(parts))}
    env = draft.value("program.env", {})
    place = Place(1, "the parts of the job")
    draft.put("program.env", {**env, **size}, draft.place("program.env") or place)
    exported = {name: value for name, value in env.items() if not name.startswith("SLURM_")}
    groups = []
    for number, said in enumerate(parts[:-1]):
        part = Draft(source, KIND)
        read_shape(source, part, said)
        draft.warnings.extend(part.warnings)
        for need in part.value("frameworks", ()):
            draft.add_framework(need, part.place("frameworks") or place)
        name = f"het-{number}"
        own = {**exported, **part.value("program.env", {}), **size}
        program = msgspec.structs.replace(draft.program(), env=own)
        groups.append(TaskGroup(name, part.value("tasks", 1), part.needs(), program))
        if said:
            draft.mark(f"groups.{name}", next(iter(said.values())).place)
    draft.put("groups", tuple(groups), place)


def _keep_the_later(said: dict[str, Said], one: str, other: str) -> None:
    """Of two options that contradict each other the later counts, as in Slurm."""
    if one in said and other in said:
        del said[next(name for name in said if name in {one, other})]


def _file_name(file: str) -> str:
    name = file.rpartition("/")[2].strip()
    name = "".join(char if char.isprintable() else "?" for char in name)
    return name[: limits.NAME_CHARS].strip() or "sbatch"


def _bad(source: Source, option: Said, error: words.BadWord) -> HutongError:
    return refuse(
        "file.bad_value",
        file=source.file,
        line=option.line,
        key=f"--{option.name}",
        value=option.value or "(nothing)",
        problem=error.problem,
        advice=error.advice,
    )


# What the script calls


def _check_commands(source: Source, draft: Draft) -> None:
    """Refuse commands that a site need not have, and warn of files it does not have."""
    if not is_shell(source.text):
        return
    nodes = draft.value("tasks", 1) + sum(group.tasks for group in draft.value("groups", ()))
    moves = draft.said("program.workdir")
    missing: list[tuple[int, str]] = []
    for word in run_words(source.text):
        if word.text in NOT_ELSEWHERE:
            raise refuse(
                "file.unsupported", file=source.file, line=word.line, word=word.text,
                problem="it is a command of Slurm, and a site need not be a Slurm cluster",
                advice=_INSTEAD.get(word.text, "Leave it away."),
            )  # fmt: skip
        if word.text in LAUNCHERS and nodes > 1:
            raise refuse(
                "file.unsupported", file=source.file, line=word.line, word=word.text,
                problem=f"the script is started on each of {nodes} nodes, so that each would start "
                "the whole program",
                advice="Ask for one node, or use a launcher that is started once on each node, "
                "such as `torchrun --node_rank=$SLURM_PROCID`.",
            )  # fmt: skip
        if word.text in ONLY_ASK:
            draft.warn(word.line, word.text, "A site that is no Slurm cluster has no such command.")
        if word.text == "module":
            draft.warn(word.line, word.text, "Only sites with environment modules have it.")
        moves = moves or word.text == "cd"
        if _RELATIVE_FILE.fullmatch(word.written):
            missing.append((word.line, word.written))
    if nodes > 1 and (found := re.search(r"\bSLURM_NODEID\b", source.text)):
        draft.warn(
            source.text.count("\n", 0, found.start()) + 1,
            found[0],
            "Two tasks may share a machine and have one SLURM_NODEID; SLURM_PROCID numbers them "
            "all.",
        )
    if draft.said("elastic") and (
        found := re.search(r"\bSLURM_(?:JOB_NUM_)?N?NODES\b", source.text)
    ):
        draft.warn(
            source.text.count("\n", 0, found.start()) + 1,
            found[0],
            "It counts machines, and two tasks may share one; SLURM_NTASKS has the size that the "
            "job really got.",
        )
    if missing and not moves:
        draft.warn(
            *missing[0],
            "The job starts in an empty directory, not where you hand it in: say "
            "`--chdir=/path/at/the/site`, or carry small files by `files:` of a hutong YAML.",
        )


_INSTEAD = {
    "srun": "Leave the word `srun` and its options away: the script itself is started once on each "
    "node, with its rank in SLURM_PROCID.",
    "scontrol": "For the first node's address read MASTER_ADDR, which Hutong sets.",
    "sbatch": "Hand in both scripts and join them by `--dependency=afterok:NAME`.",
    "salloc": "The script runs when its resources are there; call the program itself.",
}


# What the options say


def _name(option: Said, draft: Draft) -> None:
    draft.put("name", option.value.strip(), option.place)


def _account(option: Said, draft: Draft) -> None:
    if not is_tenant(option.value):
        raise words.BadWord(
            "an account is a tenant here, and this is no path of names",
            "Write for example `acme/vision`: lower-case letters, digits, `-` and `.`.",
        )
    draft.put("tenant", TenantId(option.value), option.place)


def _array(option: Said, draft: Draft) -> None:
    draft.put("array", array_of_word(option.value), option.place)


def _time(option: Said, draft: Draft) -> None:
    draft.put("time_limit_ms", times.slurm_duration_ms(option.value), option.place)


def _begin(option: Said, draft: Draft) -> None:
    source = draft.source
    moment = times.slurm_instant_ms(option.value, source.now_ms, source.zone)
    draft.put("not_before_ms", moment, option.place)


def _deadline(option: Said, draft: Draft) -> None:
    source = draft.source
    moment = times.slurm_instant_ms(option.value, source.now_ms, source.zone)
    draft.put("deadline_ms", moment, option.place)


def _chdir(option: Said, draft: Draft) -> None:
    if not option.value.startswith("/"):
        raise words.BadWord(
            "it is no absolute path, and the job does not start where you hand it in",
            "Write the absolute path at the site.",
        )
    draft.put("program.workdir", option.value, option.place)


def _partition(option: Said, draft: Draft) -> None:
    pools = tuple(option.value.split(","))
    for pool in pools:
        parts = pool.split("/")
        if len(parts) > 2 or not all(is_name(part) for part in parts):
            raise words.BadWord(
                f"`{pool}` is not the name of a pool",
                "Write `SITE/POOL`, or `POOL` for such a pool at any site; `hutong sites` lists "
                "them.",
            )
    draft.put("constraints.pools", pools, option.place)


def _clusters(option: Said, draft: Draft) -> None:
    if option.value.lower() == "all":
        return
    sites = tuple(option.value.split(","))
    for site in sites:
        if not is_name(site):
            raise words.BadWord(
                f"a cluster is a site here, and `{site}` is not the name of one",
                "`hutong sites` lists their names.",
            )
    draft.put("constraints.sites", sites, option.place)


def _priority(option: Said, draft: Draft) -> None:
    word = option.value.lower()
    priority = _PRIORITIES.get(word) or words.priority_class(word)
    before = draft.value("priority")
    if before is not None and before != priority:
        raise words.BadWord(
            f"`--priority={before}` is said as well", "Keep `--qos` or `--priority`."
        )
    draft.put("priority", priority, option.place)


def _dependency(option: Said, draft: Draft) -> None:
    if option.value == "singleton":
        raise words.BadWord(
            "jobs of one name may run side by side here", "Name the job to wait for: `afterok:j42`."
        )
    if "?" in option.value:
        raise words.BadWord(
            "`?` (any of them) is not understood", "All have to be satisfied: join them by `,`."
        )
    waits: list[Dependency] = []
    for part in option.value.split(","):
        kind, colon, jobs = part.partition(":")
        if kind not in _KINDS or not colon:
            raise words.BadWord(
                f"`{part}` is not understood", f"Write {words.listed(_KINDS)}, `:` and the job."
            )
        waits += [Dependency(_KINDS[kind], JobId(_job(job))) for job in jobs.split(":")]
    draft.put("depends_on", tuple(waits), option.place)


def _job(word: str) -> str:
    if is_job(word):
        return word
    if re.fullmatch(r"[0-9]+([_+].*)?", word):
        raise words.BadWord(
            f"`{word}` is the number of a Slurm job, which Hutong does not know",
            "Write a Hutong job's id such as `j42`, or the name of an earlier job that is handed "
            "in together with this one.",
        )
    if not word or "+" in word:
        raise words.BadWord(f"`{word}` is no job", "Write for example `afterok:j42`.")
    return word


def _export(option: Said, draft: Draft) -> None:
    env: dict[str, str] = {}
    taken = False
    for part in option.value.split(","):
        name, equals, value = part.partition("=")
        if not equals and name.upper() in {"ALL", "NONE", "NIL"}:
            taken = taken or name.upper() == "ALL"
        elif not is_env_name(name):
            raise words.BadWord(f"a shell takes no variable `{name}`", "Write `NAME=value`.")
        elif not equals:
            raise words.BadWord(
                f"the value of {name} is not taken from where you hand in", f"Write `{name}=value`."
            )
        else:
            env[name] = value
    if taken:
        draft.warn(
            option.line, option.word, "The environment of who hands in is not taken; set what the "
            "job needs in the script or by `--export=NAME=value`.",
        )  # fmt: skip
    if env:
        draft.put("program.env", {**draft.value("program.env", {}), **env}, option.place)


def _exclusive(option: Said, draft: Draft) -> None:
    if option.value:
        raise words.BadWord("only whole nodes are understood", "Write `--exclusive`.")
    draft.put("exclusive", value=True, place=option.place)


def _spread(option: Said, draft: Draft) -> None:
    draft.put("layout", Layout.SPREAD, option.place)


def _switches(option: Said, draft: Draft) -> None:
    """One leaf switch is a rack. More of them are what a gang is placed on anyway."""
    count, _, wait = option.value.partition("@")
    if words.whole(count, low=1, high=limits.GANG_TASKS) > 1 or wait:
        draft.warn(
            option.line, option.word, "Gangs are placed on the tightest part of a network anyway."
        )
        return
    draft.put("within", Level.RACK, option.place)
    draft.warn(
        option.line, option.word, "Slurm gives up waiting for one switch after some minutes; here "
        "the job stays within one rack. Say `--switches=1@0` for a mere wish.",
    )  # fmt: skip


def _requeue(option: Said, draft: Draft) -> None:
    """Mark it as read: jobs come back after the failure of a machine or a site anyway."""
    draft.mark("retry", option.place)


def _no_requeue(option: Said, draft: Draft) -> None:
    # Preempted attempts are always started again, so that this job must not be preempted.
    draft.put("retry.machine_count", 0, option.place)
    draft.put("retry.site_count", 0, option.place)
    draft.put("preemptible", value=False, place=option.place)


def _signal(option: Said, draft: Draft) -> None:
    """SIGTERM some time before the limit is an earlier limit with as much grace."""
    match = re.fullmatch(r"(?:[RB]{1,2}:)?([A-Za-z0-9]+)(?:@([0-9]{1,6}))?", option.value)
    if match is None:
        raise words.BadWord("it is not a signal with a time", "Write for example `B:TERM@120`.")
    if match[1].upper().removeprefix("SIG") not in {"TERM", "15"}:
        raise words.BadWord(
            "only SIGTERM is sent before the end",
            "Catch SIGTERM in the script and write `B:TERM@120`.",
        )
    ahead_ms = int(match[2] or 60) * 1000
    limit_ms = draft.value("time_limit_ms", 0)
    if not 0 < ahead_ms <= limits.GRACE_MS:
        raise words.BadWord(
            "the time before the end is not from 1 s to 1 h", "Write for example `B:TERM@120`."
        )
    if limit_ms <= ahead_ms:
        raise words.BadWord("the job's `--time` is not longer than that", "Say a longer `--time`.")
    place = draft.place("time_limit_ms") or option.place
    draft.put("time_limit_ms", limit_ms - ahead_ms, place)
    draft.put("grace_ms", ahead_ms, option.place)


def _label(option: Said, draft: Draft) -> None:
    labels = draft.value("labels", {})
    draft.put("labels", {**labels, option.name: option.value}, option.place)


def _input(option: Said, draft: Draft) -> None:
    if option.value not in {"/dev/null", "none"}:
        raise words.BadWord(
            "nothing is fed to a job's standard input", "Redirect it in the script: `< file`."
        )


# In this order: `--signal` wants to know the time limit.
_READINGS = {
    "job-name": _name,
    "account": _account,
    "array": _array,
    "time": _time,
    "signal": _signal,
    "begin": _begin,
    "deadline": _deadline,
    "chdir": _chdir,
    "partition": _partition,
    "clusters": _clusters,
    "priority": _priority,
    "qos": _priority,
    "dependency": _dependency,
    "export": _export,
    "exclusive": _exclusive,
    "requeue": _requeue,
    "no-requeue": _no_requeue,
    "comment": _label,
    "wckey": _label,
    "input": _input,
    "spread-job": _spread,
    "switches": _switches,
}
