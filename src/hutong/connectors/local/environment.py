"""The environment of a task: what training scripts written for other systems look for.

Four dialects say the same: torchrun's (`RANK`, `WORLD_SIZE`, `MASTER_ADDR`), Slurm's, SkyPilot's
and Kubernetes' index, and Hutong's own `HUTONG_*`. What the job itself sets wins over all but the
last. Nothing of the agent's own environment is passed on but what `BASE` names.
"""

import os
from collections.abc import Mapping, Sequence
from zlib import crc32

import msgspec

from hutong.connectors.local.live import CHECKPOINT
from hutong.connectors.local.processes import FOLDER_VARIABLE
from hutong.model.attempt import AttemptOrder
from hutong.model.ids import SiteId, job_number, split_node

BASE = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER")
LOOPBACK = "127.0.0.1"
FIRST_PORT, PORTS = 20_000, 12_000
"""Ports for a gang's master: below the range from which the kernel takes its own."""

VISIBLE_DEVICES: Mapping[str, tuple[str, ...]] = {
    "cuda": ("CUDA_VISIBLE_DEVICES",),
    "rocm": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    "cann": ("ASCEND_RT_VISIBLE_DEVICES",),
    "neuware": ("MLU_VISIBLE_DEVICES",),
    "dtk": ("HIP_VISIBLE_DEVICES",),
    "xpu": ("XPU_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    "musa": ("MUSA_VISIBLE_DEVICES",),
    "maca": ("MACA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    "topsrider": ("TOPS_VISIBLE_DEVICES",),
    "corex": ("CUDA_VISIBLE_DEVICES",),
}
"""By stack of the catalogue: which variables tell a process its chips."""
_NO_DEVICES = {name: "" for names in VISIBLE_DEVICES.values() for name in names}


class Ground(msgspec.Struct, frozen=True):
    """What the site says of one group's pool: whether its chips are tokens, and their stack."""

    declared: bool = True
    stack: str = ""


class Surroundings(msgspec.Struct, frozen=True):
    """What the site adds to an order.

    `devices` are the real chips of each task, by rank; empty where they are declared tokens or
    none, and then every variable that could show a task a real chip is empty too. `stack` is the
    catalogue's stack of the chip, `data` the folder in which the tenant's jobs at this site share
    what they keep. `groups` says of a gang's further groups what `declared` and `stack` say of it.
    """

    site: SiteId
    folder: str
    cwd: str
    base: Mapping[str, str]
    port: int
    declared: bool = True
    stack: str = ""
    devices: Sequence[Sequence[int]] = ()
    data: str = ""
    groups: tuple[Ground, ...] = ()


def first_port(attempt: str) -> int:
    """Where to begin to look for a free port: neighbours start apart."""
    return FIRST_PORT + crc32(attempt.encode()) % PORTS


def build(order: AttemptOrder, around: Surroundings) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Give what all tasks of an attempt have in common, and what each rank has besides."""
    ranks = _ranks(order, around)
    if not order.groups:
        common, own = _common(order, around)
        return common, [_beside(of_rank, order, own) for of_rank in ranks]
    # Groups have programs, pools and chips of their own, so that little is common to all.
    views = [(order, around)]
    for group, ground in zip(order.groups, around.groups, strict=True):
        place = group.place
        views.append(
            (
                msgspec.structs.replace(
                    order, pool=place.pool, needs=place.needs, accelerator=place.accelerator,
                    program=group.program or order.program,
                ),
                msgspec.structs.replace(around, declared=ground.declared, stack=ground.stack),
            )
        )  # fmt: skip
    commons = [_common(*view) for view in views]
    groups = [share.group for share in order.nodes for _ in range(share.tasks)]
    return {}, [
        {**commons[group][0], **_beside(of_rank, views[group][0], commons[group][1])}
        for group, of_rank in zip(groups, ranks, strict=True)
    ]


def _common(order: AttemptOrder, around: Surroundings) -> tuple[dict[str, str], dict[str, str]]:
    """What all tasks of a program have, and what of it is Hutong's own."""
    own = _hutong(order, around)
    return {
        **around.base, **_NO_DEVICES, **_torch(order, around), **_slurm(order, around),
        **_skypilot(order), **order.program.env, **own,
    }, own  # fmt: skip


def _beside(of_rank: dict[str, str], order: AttemptOrder, own: dict[str, str]) -> dict[str, str]:
    """What a rank has besides; what the job itself sets wins over all but Hutong's own."""
    program = order.program.env
    return {name: value for name, value in of_rank.items() if name in own or name not in program}


def _hutong(order: AttemptOrder, around: Surroundings) -> dict[str, str]:
    chips_milli = order.needs.accelerator_milli
    own = {
        "HUTONG_JOB_ID": order.job,
        "HUTONG_JOB_NAME": order.name,
        "HUTONG_ATTEMPT_ID": order.attempt,
        "HUTONG_ATTEMPT_NUMBER": str(order.number),
        FOLDER_VARIABLE: around.folder,
        "HUTONG_CHECKPOINT_FILE": os.path.join(around.folder, CHECKPOINT),
        "HUTONG_FENCING_TOKEN": str(order.token),
        "HUTONG_TENANT": order.tenant,
        "HUTONG_SITE": around.site,
        "HUTONG_POOL": order.pool.rpartition("/")[2],
        "HUTONG_TASKS": str(order.gang_tasks),
        "HUTONG_ACCELERATOR": order.accelerator if chips_milli else "",
        "HUTONG_ACCELERATOR_COUNT": f"{chips_milli / 1000:g}",
        "HUTONG_TASK_RANK": "0",
        "HUTONG_NODE": "",
        "HUTONG_GROUP": "",
        "HUTONG_GROUP_RANK": "0",
        "HUTONG_GROUP_TASKS": "",
        "HUTONG_PART": str(order.part),
        "HUTONG_PARTS": str(order.parts),
    }
    if around.data:
        own["HUTONG_DATA_DIR"] = around.data
    if chips_milli and around.declared:
        own["HUTONG_ACCELERATOR_DECLARED"] = "1"
    if order.array_number is not None:
        own["HUTONG_ARRAY_INDEX"] = str(order.array_number)
        own["HUTONG_ARRAY_COUNT"] = str(order.array_count or 1)
    return own


def _torch(order: AttemptOrder, around: Surroundings) -> dict[str, str]:
    index = (
        {} if order.array_element is None else {"JOB_COMPLETION_INDEX": str(order.array_element)}
    )
    return {
        "PYTHONUNBUFFERED": "1",  # or its log would come when it ends
        "WORLD_SIZE": str(order.gang_tasks),
        "MASTER_ADDR": LOOPBACK,
        "MASTER_PORT": str(around.port),
        **index,
    }


def _slurm(order: AttemptOrder, around: Surroundings) -> dict[str, str]:
    job, tasks = str(job_number(order.job)), str(order.gang_tasks)
    names = ",".join(split_node(share.node)[1] for share in order.nodes)
    nodes, cpus = str(len(order.nodes)), max(1, -(-order.needs.cpu_milli // 1000))
    variables = {
        "SLURM_JOB_ID": job, "SLURM_JOBID": job, "SLURM_JOB_NAME": order.name,
        "SLURM_JOB_PARTITION": order.pool.rpartition("/")[2], "SLURM_CLUSTER_NAME": around.site,
        "SLURM_JOB_ACCOUNT": order.tenant, "SLURM_SUBMIT_DIR": around.cwd,
        "SLURM_NTASKS": tasks, "SLURM_NPROCS": tasks,
        "SLURM_NNODES": nodes, "SLURM_JOB_NUM_NODES": nodes,
        "SLURM_NODELIST": names, "SLURM_JOB_NODELIST": names,
        "SLURM_TASKS_PER_NODE": _per_node([share.tasks for share in order.nodes]),
        "SLURM_CPUS_PER_TASK": str(cpus),
    }  # fmt: skip
    if order.number > 1:
        variables["SLURM_RESTART_COUNT"] = str(order.number - 1)
    if order.needs.accelerator_milli:
        variables["SLURM_GPUS_PER_TASK"] = str(_whole_chips(order))
        variables["SLURM_GPUS"] = str(_whole_chips(order) * order.gang_tasks)
    if order.array_number is not None:
        first, step = order.array_first or 0, order.array_step or 1
        count = order.array_count or 1
        variables |= {
            "SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(order.array_number),
            "SLURM_ARRAY_TASK_COUNT": str(count), "SLURM_ARRAY_TASK_MIN": str(first),
            "SLURM_ARRAY_TASK_MAX": str(first + (count - 1) * step),
            "SLURM_ARRAY_TASK_STEP": str(step),
        }  # fmt: skip
    return variables


def _per_node(tasks: list[int]) -> str:
    """Tasks of each node as Slurm writes them: `2(x3),1`."""
    runs: list[tuple[int, int]] = []
    for count in tasks:
        if runs and runs[-1][0] == count:
            runs[-1] = (count, runs[-1][1] + 1)
        else:
            runs.append((count, 1))
    return ",".join(f"{count}(x{times})" if times > 1 else str(count) for count, times in runs)


def _skypilot(order: AttemptOrder) -> dict[str, str]:
    # What SkyPilot calls a node is one task here.
    return {
        "SKYPILOT_TASK_ID": order.attempt,
        "SKYPILOT_NUM_NODES": str(order.gang_tasks),
        "SKYPILOT_NODE_IPS": "\n".join([LOOPBACK] * order.gang_tasks),
        "SKYPILOT_NUM_GPUS_PER_NODE": str(_whole_chips(order)),
    }


def _whole_chips(order: AttemptOrder) -> int:
    return -(-order.needs.accelerator_milli // 1000)


def _ranks(order: AttemptOrder, around: Surroundings) -> list[dict[str, str]]:
    ranks: list[dict[str, str]] = []
    names = ["", *[group.name for group in order.groups]]
    sizes = [0] * len(names)
    for share in order.nodes:
        sizes[share.group] += share.tasks
    before = [0] * len(names)
    for node, share in enumerate(order.nodes):
        needs, group = order.needs_of(share), share.group
        cpus = max(1, -(-needs.cpu_milli // 1000))
        of_node = {
            "LOCAL_WORLD_SIZE": str(share.tasks), "NODE_RANK": str(node), "GROUP_RANK": str(node),
            "SLURM_NODEID": str(node), "SLURMD_NODENAME": split_node(share.node)[1],
            "SLURM_CPUS_ON_NODE": str(cpus * share.tasks),
            "SLURM_MEM_PER_NODE": str(needs.memory_mib * share.tasks),
            "HUTONG_NODE": split_node(share.node)[1],
            "HUTONG_GROUP": names[group], "HUTONG_GROUP_TASKS": str(sizes[group]),
        }  # fmt: skip
        if needs.accelerator_milli:
            chips = -(-needs.accelerator_milli // 1000)
            of_node["SLURM_GPUS_ON_NODE"] = str(chips * share.tasks)
        for local in range(share.tasks):
            rank = str(order.rank_first + len(ranks))
            ranks.append({
                **of_node, "RANK": rank, "LOCAL_RANK": str(local),
                "SLURM_PROCID": rank, "SLURM_LOCALID": str(local),
                "SKYPILOT_NODE_RANK": rank, "HUTONG_TASK_RANK": rank,
                "HUTONG_GROUP_RANK": str(before[group] + local),
                **_devices(around, len(ranks), group),
            })  # fmt: skip
        before[group] += share.tasks
    return ranks


def _devices(around: Surroundings, rank: int, group: int) -> dict[str, str]:
    ground = around.groups[group - 1] if group else around
    if ground.declared or not around.devices:
        return {}
    chips = ",".join(str(device) for device in around.devices[rank])
    return dict.fromkeys(VISIBLE_DEVICES.get(ground.stack, ()), chips)
