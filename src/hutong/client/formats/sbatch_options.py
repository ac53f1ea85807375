"""Every option of sbatch, and what becomes of it here.

`HONOURED` options change the job, `UNNEEDED` ones cannot matter here and become a warning, and
`REFUSED` ones would make another job than their writer meant. Names are the long ones; Slurm's
abbreviations of them (`--cpus-per-t`) are not taken.
"""

from typing import Literal, NamedTuple

Argument = Literal["value", "none", "optional"]


class Option(NamedTuple):
    """How an option is written: its letter, if it has one, and whether it takes a value."""

    letter: str = ""
    argument: Argument = "value"


HONOURED: dict[str, Option] = {
    "account": Option("A"),
    "array": Option("a"),
    "begin": Option("b"),
    "chdir": Option("D"),
    "clusters": Option("M"),
    "comment": Option(),
    "cpus-per-gpu": Option(),
    "cpus-per-task": Option("c"),
    "deadline": Option(),
    "dependency": Option("d"),
    "exclusive": Option("", "optional"),
    "export": Option(),
    "gpus": Option("G"),
    "gpus-per-node": Option(),
    "gpus-per-task": Option(),
    "gres": Option(),
    "ignore-pbs": Option("", "none"),
    "input": Option("i"),
    "job-name": Option("J"),
    "mem": Option(),
    "mem-per-cpu": Option(),
    "mem-per-gpu": Option(),
    "mincpus": Option(),
    "no-requeue": Option("", "none"),
    "nodes": Option("N"),
    "ntasks": Option("n"),
    "ntasks-per-node": Option(),
    "partition": Option("p"),
    "priority": Option(),
    "qos": Option("q"),
    "requeue": Option("", "none"),
    "signal": Option(),
    "spread-job": Option("", "none"),
    "switches": Option(),
    "time": Option("t"),
    "wckey": Option(),
}

OF_A_PART = (
    "cpus-per-gpu", "cpus-per-task", "gpus", "gpus-per-node", "gpus-per-task", "gres", "mem",
    "mem-per-cpu", "mem-per-gpu", "mincpus", "nodes", "ntasks", "ntasks-per-node",
)  # fmt: skip
"""What the parts of a job of unlike parts (`hetjob`) may say after the first."""

PART_MARKS = ("hetjob", "packjob")

ALIASES = {"workdir": "chdir", "cluster": "clusters", "share": "oversubscribe"}
"""Older names of options."""

_LOG = "The hub keeps what the job prints: `hutong logs JOB` shows it."
_MAIL = "The hub sends no mail; `hutong events` tells what happens."
_LAYOUT = "Which processor a process runs on is the site's matter."
_SRUN = "It speaks to srun, which has no part here."
_CALL = "It concerns the call of sbatch, not the job."
_METER = "The hub meters every attempt its own way."

UNNEEDED: dict[str, tuple[Option, str]] = {
    "acctg-freq": (Option(), _METER),
    "bell": (Option("", "none"), _CALL),
    "contiguous": (Option("", "none"), "Gangs are placed on the tightest part of a network."),
    "cpu-freq": (Option(), _LAYOUT),
    "delay-boot": (Option(), "The hub counts the time that nodes take to boot."),
    "distribution": (Option("m"), _SRUN),
    "error": (Option("e"), _LOG),
    "gpu-bind": (Option(), _SRUN),
    "gpu-freq": (Option(), _LAYOUT),
    "gres-flags": (Option(), _LAYOUT),
    "hint": (Option(), _LAYOUT),
    "kill-on-invalid-dep": (
        Option(),
        "A job whose dependency can no longer be satisfied is cancelled and says so.",
    ),
    "mail-type": (Option(), _MAIL),
    "mail-user": (Option(), _MAIL),
    "mem-bind": (Option(), _LAYOUT),
    "no-bell": (Option("", "none"), _CALL),
    "ntasks-per-core": (Option(), _SRUN),
    "ntasks-per-socket": (Option(), _SRUN),
    "open-mode": (Option(), _LOG),
    "output": (Option("o"), _LOG),
    "oversubscribe": (Option("s", "none"), "Nodes are shared unless `--exclusive` is said."),
    "parsable": (Option("", "none"), _CALL),
    "prefer": (Option(), "Features of nodes are not known here, and this one is only a wish."),
    "profile": (Option(), _METER),
    "propagate": (Option("", "optional"), "Limits of the submitting shell are not taken along."),
    "quiet": (Option("Q", "none"), _CALL),
    "resv-ports": (Option("", "optional"), _SRUN),
    "stepmgr": (Option("", "none"), _SRUN),
    "threads-per-core": (Option(), _LAYOUT),
    "tres-bind": (Option(), _SRUN),
    "use-min-nodes": (Option("", "none"), "The number of nodes is fixed here."),
    "verbose": (Option("v", "none"), _CALL),
    "wait": (Option("W", "none"), _CALL),
    "wait-all-nodes": (Option(), "A gang starts whole or not at all."),
}

_NODES = (
    "nodes are not chosen by name or feature, the hub chooses them",
    "Say what the job needs (CPUs, memory, chips), or the pool by `--partition=SITE/POOL`.",
)
_SOCKETS = ("sockets and cores of a node are not known here", "Say `--cpus-per-task`.")
_STORAGE = ("storage is not a resource of the hub yet", "Use the site's own storage.")
_IDENTITY = ("who a job runs as is the site's matter", "Leave the option away.")
_CONTAINER = ("sites run no containers for sbatch scripts", "Call the container in the script.")
_TRES = ("it says resources in a second way", "Say `--cpus-per-task`, `--mem` and `--gres`.")
_HELP = ("it makes sbatch print something and submit nothing", "Leave the option away.")

REFUSED: dict[str, tuple[Option, tuple[str, str]]] = {
    "batch": (Option(), _NODES),
    "bb": (Option(), _STORAGE),
    "bbf": (Option(), _STORAGE),
    "checkpoint": (Option(), ("the hub takes no checkpoints", "Let the script take them.")),
    "cluster-constraint": (Option(), _NODES),
    "constraint": (Option("C"), _NODES),
    "container": (Option(), _CONTAINER),
    "container-id": (Option(), _CONTAINER),
    "core-spec": (Option("S"), _SOCKETS),
    "cores-per-socket": (Option(), _SOCKETS),
    "exclude": (Option("x"), _NODES),
    "export-file": (
        Option(),
        ("a file of variables is not read", "Say them by `--export=A=b` or in the script."),
    ),
    "extra": (Option(), ("nothing here reads it", "Use `--comment`.")),
    "extra-node-info": (Option("B"), _SOCKETS),
    "get-user-env": (
        Option("", "optional"),
        ("the environment of the submitter is not taken", "Set what the job needs in the script."),
    ),
    "gid": (Option(), _IDENTITY),
    "gpus-per-socket": (Option(), _SOCKETS),
    "help": (Option("h", "none"), _HELP),
    "hold": (
        Option("H", "none"),
        ("a job cannot be held back by hand", "Say when it may start: `--begin`."),
    ),
    "licenses": (Option("L"), ("licences are not counted by the hub", "Leave the option away.")),
    "mcs-label": (Option(), _IDENTITY),
    "network": (Option(), ("networks are not chosen by the job", "Leave the option away.")),
    "nice": (
        Option("", "optional"),
        ("priority is a class, not a number", "Say `--qos=low`."),
    ),
    "no-kill": (
        Option("k", "optional"),
        ("a gang that loses a node ends whole", "Leave the option away."),
    ),
    "nodefile": (Option("F"), _NODES),
    "nodelist": (Option("w"), _NODES),
    "ntasks-per-gpu": (
        Option(),
        ("the number of tasks must be said itself", "Say `--ntasks-per-node`."),
    ),
    "overcommit": (
        Option("O", "none"),
        ("no node is given more than it has", "Ask for the CPUs that the job really uses."),
    ),
    "power": (Option(), ("power is the site's matter", "Leave the option away.")),
    "reboot": (Option("", "none"), ("nodes are not rebooted for a job", "Leave it away.")),
    "reservation": (
        Option(),
        (
            "a site's own reservations are not known here",
            "Leave it away: what is reserved for a tenant at the hub lets its jobs in by itself.",
        ),
    ),
    "segment": (Option(), _NODES),
    "sockets-per-node": (Option(), _SOCKETS),
    "test-only": (Option("", "none"), ("it submits nothing", "Use `hutong plan FILE`.")),
    "thread-spec": (Option(), _SOCKETS),
    "time-min": (
        Option(),
        ("a time limit is not shortened to fit a gap", "Say the real limit: `--time`."),
    ),
    "tmp": (Option(), _STORAGE),
    "tres-per-task": (Option(), _TRES),
    "uid": (Option(), _IDENTITY),
    "usage": (Option("u", "none"), _HELP),
    "version": (Option("V", "none"), _HELP),
    "wrap": (Option(), ("the file itself is the script", "Put the command into the file.")),
}

OPTIONS: dict[str, Option] = {
    **HONOURED,
    **{name: option for name, (option, _) in UNNEEDED.items()},
    **{name: option for name, (option, _) in REFUSED.items()},
}
LETTERS = {option.letter: name for name, option in OPTIONS.items() if option.letter}
