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


class Surroundings(msgspec.Struct, frozen=True):
    """What the site adds to an order.

    `devices` are the real chips of each task, by rank; empty where they are declared tokens or
    none, and then every variable that could show a task a real chip is empty too. `stack` is the
    catalogue's stack of the chip, `data` the folder in which the tenant's jobs at this site share
    what they keep.
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


def first_port(attempt: str) -> int:
    """Where to begin to look for a free port: neighbours start apart."""
    return FIRST_PORT + crc32(attempt.encode()) % PORTS


def build(order: AttemptOrder, around: Surroundings) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Give what all tasks of an attempt have in common, and what each rank has besides."""
    program = order.program.env
    own = _hutong(order, around)
    common = {
        **around.base, **_NO_DEVICES, **_torch(order, around), **_slurm(order, around),
        **_skypilot(order), **program, **own,
    }  # fmt: skip
    return common, [
        {name: value for name, value in of_rank.items() if name in own or name not in program}
        for of_rank in _ranks(order, around)
    ]


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
        "HUTONG_TASKS": str(order.tasks),
        "HUTONG_ACCELERATOR": order.accelerator if chips_milli else "",
        "HUTONG_ACCELERATOR_COUNT": f"{chips_milli / 1000:g}",
        "HUTONG_TASK_RANK": "0",
        "HUTONG_NODE": "",
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
        "WORLD_SIZE": str(order.tasks),
        "MASTER_ADDR": LOOPBACK,
        "MASTER_PORT": str(around.port),
        **index,
    }


def _slurm(order: AttemptOrder, around: Surroundings) -> dict[str, str]:
    job, tasks = str(job_number(order.job)), str(order.tasks)
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
        variables["SLURM_GPUS"] = str(_whole_chips(order) * order.tasks)
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
        "SKYPILOT_NUM_NODES": str(order.tasks),
        "SKYPILOT_NODE_IPS": "\n".join([LOOPBACK] * order.tasks),
        "SKYPILOT_NUM_GPUS_PER_NODE": str(_whole_chips(order)),
    }


def _whole_chips(order: AttemptOrder) -> int:
    return -(-order.needs.accelerator_milli // 1000)


def _ranks(order: AttemptOrder, around: Surroundings) -> list[dict[str, str]]:
    ranks: list[dict[str, str]] = []
    cpus = max(1, -(-order.needs.cpu_milli // 1000))
    for node, share in enumerate(order.nodes):
        of_node = {
            "LOCAL_WORLD_SIZE": str(share.tasks), "NODE_RANK": str(node), "GROUP_RANK": str(node),
            "SLURM_NODEID": str(node), "SLURMD_NODENAME": split_node(share.node)[1],
            "SLURM_CPUS_ON_NODE": str(cpus * share.tasks),
            "SLURM_MEM_PER_NODE": str(order.needs.memory_mib * share.tasks),
            "HUTONG_NODE": split_node(share.node)[1],
        }  # fmt: skip
        if order.needs.accelerator_milli:
            of_node["SLURM_GPUS_ON_NODE"] = str(_whole_chips(order) * share.tasks)
        for local in range(share.tasks):
            rank = str(len(ranks))
            ranks.append({
                **of_node, "RANK": rank, "LOCAL_RANK": str(local),
                "SLURM_PROCID": rank, "SLURM_LOCALID": str(local),
                "SKYPILOT_NODE_RANK": rank, "HUTONG_TASK_RANK": rank,
                **_devices(around, len(ranks)),
            })  # fmt: skip
    return ranks


def _devices(around: Surroundings, rank: int) -> dict[str, str]:
    if around.declared or not around.devices:
        return {}
    chips = ",".join(str(device) for device in around.devices[rank])
    return dict.fromkeys(VISIBLE_DEVICES.get(around.stack, ()), chips)
