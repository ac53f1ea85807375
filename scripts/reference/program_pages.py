"""Metrics, settings, profiles and the environment of a task, from the parts that make them."""

import msgspec

from hutong.client.formats.profiles import key_of
from hutong.connectors.local import environment
from hutong.model.attempt import AttemptOrder, NodeShare
from hutong.model.classes import DEFAULT_CLASSES, ClassRule
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, SiteId, TenantId
from hutong.model.job import Program
from hutong.model.resources import Amount
from hutong.scheduler.profile import PROFILES, Profile
from hutong.server.metrics import DOCUMENTED
from scripts.reference import meanings
from scripts.reference.text import code, doc, listed, page, quantity, table


def metrics_page() -> str:
    return page(
        "Metrics",
        "`GET /metrics` gives these in Prometheus' text format, without a token. A histogram has "
        "the usual three series: `_bucket`, `_sum` and `_count`. Times are in seconds, as is the "
        "custom there.",
        table(
            ("name", "kind", "labels", "meaning"),
            (
                (code(row.name), row.kind, listed(row.labels), row.meaning)
                for row in sorted(DOCUMENTED)
            ),
        ),
    )


def settings_page() -> str:
    return page(
        "Settings",
        "Flags of a command come first; [the command line](cli.md) lists them. These are read from "
        "the environment:",
        table(
            ("variable", "meaning"),
            ((code(name), said) for name, said in meanings.SETTINGS.items()),
        ),
        "## Where a command finds the hub",
        "\n".join(
            (
                "1. `--url` and `--token`.",
                "2. `HUTONG_URL` and `HUTONG_TOKEN`.",
                "3. `client.json` in the folder that `HUTONG_DATA` names.",
                "4. `.hutong/client.json` in the working directory, or in a directory above it.",
                "5. `client.json` in the default data folder.",
            )
        ),
        "The first that is there wins. A token from a file goes only to the address in the same "
        "file, and a file that belongs to another user is passed over. `hutong doctor` says "
        "which one is used and why.",
        "A `client.json` is written by a hub for the clients on its machine, with mode 0600:",
        '```json\n{"url": "http://127.0.0.1:8470", "token": "hut_..."}\n```',
    )


DIALECTS = (
    ("torchrun's", ("RANK", "WORLD_SIZE", "LOCAL_", "MASTER_", "NODE_RANK", "GROUP_RANK")),
    ("Slurm's", ("SLURM",)),
    ("SkyPilot's", ("SKYPILOT_",)),
    ("Kubernetes'", ("JOB_COMPLETION_INDEX",)),
    ("Python's", ("PYTHON",)),
)


def environment_page() -> str:
    variables = task_variables()
    own = [name for name in variables if name.startswith("HUTONG_")]
    meanings.meaning_of(own, meanings.TASK_VARIABLES, "variables of a task")
    parts = [
        "## Hutong's own",
        table(
            ("variable", "example", "meaning"),
            ((code(name), code(variables[name]), meanings.TASK_VARIABLES[name]) for name in own),
        ),
    ]
    left = [name for name in variables if name not in own]
    for dialect, prefixes in DIALECTS:
        names = [name for name in left if name.startswith(prefixes)]
        left = [name for name in left if name not in names]
        rows = [(code(name), code(variables[name].replace("\n", "\\n"))) for name in names]
        parts += [f"## {dialect}", table(("variable", "example"), rows)]
    if left:
        raise ValueError(f"variables of a task that belong to no dialect: {left}")
    stacks = environment.VISIBLE_DEVICES.items()
    return page(
        "The environment of a task",
        "What a script finds in its environment on a local site. Four dialects say the same, so "
        "that scripts written for other systems run as they are. What the job itself sets wins "
        f"over all but `HUTONG_*`. Of the agent's own environment only {listed(environment.BASE)} "
        "are passed on.",
        "The examples are those of the second task of a gang of two on two nodes, in the second "
        "attempt of element 3 of an array from 10 to 28 in steps of 2. The variables of arrays "
        "are there for arrays only, those of chips for jobs that asked for some, and "
        "`SLURM_RESTART_COUNT` from the second attempt on.",
        *parts,
        "## Devices",
        "Which chips a process may use. Where chips are declared, or the job has none, all of "
        "them are empty, so that a task never takes a device that was not given to it.",
        table(("stack", "variables"), ((code(name), listed(names)) for name, names in stacks)),
    )


def task_variables() -> dict[str, str]:
    """Every variable that a task can see beside those for devices, with an example."""
    common, ranks = environment.build(_ORDER, _AROUND)
    devices = [name for names in environment.VISIBLE_DEVICES.values() for name in names]
    merged = {**common, **ranks[1]}
    return {name: value for name, value in merged.items() if name not in devices}


_ATTEMPT = "k3v9qa-j42-3-2"
_FOLDER = f"/var/lib/hutong/tianjin/attempts/{_ATTEMPT}"
_AROUND = environment.Surroundings(
    SiteId("tianjin"),
    _FOLDER,
    f"{_FOLDER}/work",
    {},
    environment.first_port(_ATTEMPT),
    data="/var/lib/hutong/tianjin/data/campus/speech",
)
_ORDER = AttemptOrder(
    AttemptId(_ATTEMPT),
    JobId("j42"),
    1207,
    TenantId("campus/speech"),
    "sweep",
    PoolId("tianjin/ascend"),
    (NodeShare(NodeId("tianjin/tj-a1"), 1), NodeShare(NodeId("tianjin/tj-a2"), 1)),
    Program(argv=("true",)),
    Amount(cpu_milli=2000, memory_mib=4096, accelerator_milli=1000),
    accelerator="Ascend910B3",
    number=2,
    array_element=3,
    array_number=16,
    array_count=10,
    array_first=10,
    array_step=2,
)


def profiles_page() -> str:
    fields = [field.name for field in msgspec.structs.fields(Profile) if field.name != "name"]
    meanings.meaning_of(fields, meanings.PROFILE_SETTINGS, "settings of a profile")
    return page(
        "Profiles",
        "A profile is the scheduler's settings under one name. `hutong up --profile NAME` picks "
        "one, `hutong up --profile FILE` reads one from a [file](../guides/profiles.md), and "
        "`hutong doctor` checks the one that is in force. [The queue](../concepts/queue.md) and "
        "[placement](../concepts/placement.md) say what the settings do.",
        table(
            ("setting", "in a file", "meaning"),
            ((code(f), code(key_of(f)), meanings.PROFILE_SETTINGS[f]) for f in fields),
        ),
        "## Those that come with Hutong",
        table(
            ("setting", *(code(name) for name in PROFILES)),
            (
                (
                    code(field),
                    *(_setting(field, getattr(profile, field)) for profile in PROFILES.values()),
                )
                for field in fields
            ),
        ),
        "## Classes",
        doc(ClassRule),
        "This is the list that a profile has unless it gives its own:",
        table(
            ("name", "evicts from", "bound"),
            (
                (code(rule.name), code(rule.evicts_from), quantity("MS", rule.bound_ms))
                if rule.bound_ms
                else (code(rule.name), code(rule.evicts_from), "")
                for rule in DEFAULT_CLASSES
            ),
        ),
    )


def _setting(field: str, value: object) -> str:
    if field == "classes":
        return "the usual" if value == DEFAULT_CLASSES else "its own"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quantity(field.upper(), value) if isinstance(value, int) else str(value)
