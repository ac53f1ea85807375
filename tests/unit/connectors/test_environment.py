"""What a task finds in its environment."""

import msgspec

from hutong.connectors.local.environment import (
    FIRST_PORT,
    PORTS,
    VISIBLE_DEVICES,
    Ground,
    Surroundings,
    build,
    first_port,
)
from hutong.model.attempt import AttemptOrder, GroupPlace, NodeShare, OrderGroup
from hutong.model.ids import JobId, NodeId, PoolId, SiteId
from hutong.model.job import Program
from hutong.model.resources import Amount
from tests.conformance.connectors import gang, order

AROUND = Surroundings(
    site=SiteId("lab"),
    folder="/site/attempts/a",
    cwd="/site/attempts/a/work",
    base={"PATH": "/bin", "HOME": "/home/u"},
    port=23_456,
)


def env_of(order: AttemptOrder, rank: int = 0, around: Surroundings = AROUND) -> dict[str, str]:
    common, ranks = build(order, around)
    assert len(ranks) == order.tasks
    return {**common, **ranks[rank]}


def test_a_single_task_is_a_world_of_one() -> None:
    env = env_of(order())
    assert env["RANK"] == env["LOCAL_RANK"] == env["NODE_RANK"] == env["GROUP_RANK"] == "0"
    assert env["WORLD_SIZE"] == env["LOCAL_WORLD_SIZE"] == "1"
    assert (env["MASTER_ADDR"], env["MASTER_PORT"]) == ("127.0.0.1", "23456")
    assert env["PATH"] == "/bin"


def test_ranks_of_a_gang_go_over_its_nodes_in_their_order() -> None:
    wide = order(nodes=gang(2, 1))
    seen = [
        [env_of(wide, rank)[name] for name in ("RANK", "NODE_RANK", "LOCAL_RANK", "HUTONG_NODE")]
        for rank in range(3)
    ]
    assert seen == [
        ["0", "0", "0", "chips-1"],
        ["1", "0", "1", "chips-1"],
        ["2", "1", "0", "chips-2"],
    ]
    assert env_of(wide)["WORLD_SIZE"] == "3"
    assert [env_of(wide, rank)["LOCAL_WORLD_SIZE"] for rank in range(3)] == ["2", "2", "1"]


def test_slurms_variables_say_what_slurm_would() -> None:
    wide = order(
        nodes=gang(2, 1), job=JobId("j77"), name="train", number=3, needs=Amount(2_500, 4_096, 0)
    )
    env = env_of(wide, 2)
    assert {name: env[name] for name in env if name.startswith("SLURM")} == {
        "SLURM_JOB_ID": "77",
        "SLURM_JOBID": "77",
        "SLURM_JOB_NAME": "train",
        "SLURM_JOB_PARTITION": "chips",
        "SLURM_JOB_ACCOUNT": "lab/tests",
        "SLURM_CLUSTER_NAME": "lab",
        "SLURM_SUBMIT_DIR": "/site/attempts/a/work",
        "SLURM_NTASKS": "3",
        "SLURM_NPROCS": "3",
        "SLURM_NNODES": "2",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NODELIST": "chips-1,chips-2",
        "SLURM_JOB_NODELIST": "chips-1,chips-2",
        "SLURM_TASKS_PER_NODE": "2,1",
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_CPUS_ON_NODE": "3",
        "SLURM_MEM_PER_NODE": "4096",
        "SLURM_RESTART_COUNT": "2",
        "SLURM_PROCID": "2",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": "1",
        "SLURMD_NODENAME": "chips-2",
    }


def test_like_nodes_are_counted_as_slurm_writes_them() -> None:
    assert env_of(order(nodes=gang(2, 2)))["SLURM_TASKS_PER_NODE"] == "2(x2)"


def test_a_first_attempt_is_no_restart() -> None:
    assert "SLURM_RESTART_COUNT" not in env_of(order())


def test_an_arrays_element_knows_its_number_in_every_dialect() -> None:
    element = order(
        job=JobId("j5"),
        array_element=3,
        array_number=16,
        array_count=10,
        array_first=10,
        array_step=2,
    )
    env = env_of(element)
    assert {name: env[name] for name in env if "ARRAY" in name or "INDEX" in name} == {
        "SLURM_ARRAY_JOB_ID": "5",
        "SLURM_ARRAY_TASK_ID": "16",
        "SLURM_ARRAY_TASK_COUNT": "10",
        "SLURM_ARRAY_TASK_MIN": "10",
        "SLURM_ARRAY_TASK_MAX": "28",
        "SLURM_ARRAY_TASK_STEP": "2",
        "JOB_COMPLETION_INDEX": "3",
        "HUTONG_ARRAY_INDEX": "16",
        "HUTONG_ARRAY_COUNT": "10",
    }
    assert not [name for name in env_of(order()) if "ARRAY" in name or "INDEX" in name]


def test_skypilots_nodes_are_tasks_here() -> None:
    wide = order(nodes=gang(2, 1), needs=Amount(1_000, 64, 2_000))
    env = env_of(wide, 1)
    assert {name: env[name] for name in env if name.startswith("SKYPILOT")} == {
        "SKYPILOT_TASK_ID": wide.attempt,
        "SKYPILOT_NUM_NODES": "3",
        "SKYPILOT_NODE_RANK": "1",
        "SKYPILOT_NODE_IPS": "127.0.0.1\n127.0.0.1\n127.0.0.1",
        "SKYPILOT_NUM_GPUS_PER_NODE": "2",
    }


def test_hutongs_own_variables_name_the_attempt() -> None:
    chips = order(accelerator="A100-40GB", needs=Amount(1_000, 64, 250), token=9)
    env = env_of(chips)
    assert {name: env[name] for name in env if name.startswith("HUTONG")} == {
        "HUTONG_JOB_ID": "j1",
        "HUTONG_JOB_NAME": "acted",
        "HUTONG_ATTEMPT_ID": "h0test-j1-1",
        "HUTONG_ATTEMPT_NUMBER": "1",
        "HUTONG_ATTEMPT_DIR": "/site/attempts/a",
        "HUTONG_CHECKPOINT_FILE": "/site/attempts/a/checkpoint",
        "HUTONG_FENCING_TOKEN": "9",
        "HUTONG_TENANT": "lab/tests",
        "HUTONG_SITE": "lab",
        "HUTONG_POOL": "chips",
        "HUTONG_NODE": "chips-1",
        "HUTONG_TASKS": "1",
        "HUTONG_TASK_RANK": "0",
        "HUTONG_GROUP": "",
        "HUTONG_GROUP_RANK": "0",
        "HUTONG_GROUP_TASKS": "1",
        "HUTONG_PART": "0",
        "HUTONG_PARTS": "1",
        "HUTONG_ACCELERATOR": "A100-40GB",
        "HUTONG_ACCELERATOR_COUNT": "0.25",
        "HUTONG_ACCELERATOR_DECLARED": "1",
    }


def test_declared_chips_show_no_real_device() -> None:
    env = env_of(order(accelerator="A100-40GB", needs=Amount(1_000, 64, 2_000)))
    names = {name for names in VISIBLE_DEVICES.values() for name in names}
    assert {env[name] for name in names} == {""}
    assert env["SLURM_GPUS_PER_TASK"] == "2"


def test_a_job_without_chips_sees_none_and_nothing_is_declared() -> None:
    env = env_of(order())
    assert env["CUDA_VISIBLE_DEVICES"] == ""
    assert "HUTONG_ACCELERATOR_DECLARED" not in env
    assert "SLURM_GPUS_PER_TASK" not in env


def test_real_chips_are_shown_to_the_task_that_holds_them() -> None:
    chips = order(nodes=gang(2, 0)[:1], accelerator="910B", needs=Amount(1_000, 64, 2_000))
    around = msgspec.structs.replace(AROUND, declared=False, stack="cann", devices=[[0, 1], [4, 5]])
    env = env_of(chips, 1, around)
    assert env["ASCEND_RT_VISIBLE_DEVICES"] == "4,5"
    assert env["CUDA_VISIBLE_DEVICES"] == ""
    assert "HUTONG_ACCELERATOR_DECLARED" not in env


def test_the_job_wins_over_all_but_hutongs_own() -> None:
    program = Program(env={"RANK": "7", "PATH": "/mine", "HUTONG_SITE": "x", "HUTONG_NODE": "y"})
    env = env_of(order(program=program))
    assert (env["RANK"], env["PATH"]) == ("7", "/mine")
    assert (env["HUTONG_SITE"], env["HUTONG_NODE"]) == ("lab", "chips-1")


def test_ports_stay_in_their_range() -> None:
    ports = {first_port(f"h0test-j{job}-1") for job in range(1_000)}
    assert all(FIRST_PORT <= port < FIRST_PORT + PORTS for port in ports)
    assert len(ports) > 900


def grouped() -> AttemptOrder:
    """A head without chips on a pool of its own, and two workers with one chip each."""
    program = Program(argv=("head",), env={"ROLE": "head"})
    head = OrderGroup("head", GroupPlace(PoolId("lab/cpu"), Amount(4_000, 64, 0)), program)
    nodes = (NodeShare(NodeId("lab/cpu-1"), 1, group=1), *gang(1, 1))
    return order(
        nodes=nodes, groups=(head,), needs=Amount(1_000, 64, 1_000), accelerator="A100-40GB",
        program=Program(argv=("work",), env={"ROLE": "worker"}),
    )  # fmt: skip


GROUNDS = msgspec.structs.replace(AROUND, groups=(Ground(),))


def test_ranks_of_a_gang_with_groups_go_over_all_of_it_the_groups_first() -> None:
    names = ("RANK", "WORLD_SIZE", "HUTONG_GROUP", "HUTONG_GROUP_RANK", "HUTONG_GROUP_TASKS")
    envs = [env_of(grouped(), rank, GROUNDS) for rank in range(3)]
    assert [[env[name] for name in names] for env in envs] == [
        ["0", "3", "head", "0", "1"],
        ["1", "3", "", "0", "2"],
        ["2", "3", "", "1", "2"],
    ]
    assert len({(env["MASTER_ADDR"], env["MASTER_PORT"]) for env in envs}) == 1


def test_a_group_has_its_own_pool_needs_and_variables() -> None:
    head, worker = (env_of(grouped(), rank, GROUNDS) for rank in (0, 1))
    assert (head["HUTONG_POOL"], worker["HUTONG_POOL"]) == ("cpu", "chips")
    assert (head["SLURM_CPUS_PER_TASK"], worker["SLURM_CPUS_PER_TASK"]) == ("4", "1")
    assert (head["HUTONG_ACCELERATOR"], worker["HUTONG_ACCELERATOR"]) == ("", "A100-40GB")
    assert "SLURM_GPUS_PER_TASK" not in head
    assert (head["ROLE"], worker["ROLE"]) == ("head", "worker")


def test_a_group_without_a_program_runs_with_the_jobs_variables() -> None:
    plain = grouped()
    bare = OrderGroup("head", plain.groups[0].place)
    env = env_of(msgspec.structs.replace(plain, groups=(bare,)), 0, GROUNDS)
    assert env["ROLE"] == "worker"


def test_real_devices_are_shown_to_the_group_that_has_them() -> None:
    real = msgspec.structs.replace(GROUNDS, declared=False, stack="cuda", devices=[[], [3], [5]])
    envs = [env_of(grouped(), rank, real) for rank in range(3)]
    assert [env["CUDA_VISIBLE_DEVICES"] for env in envs] == ["", "3", "5"]


def test_ranks_of_a_part_go_on_where_the_one_before_ends() -> None:
    part = order(nodes=gang(1, 1), part=1, parts=2, rank_first=3, tasks_total=5)
    env = env_of(part, 1)
    assert (env["RANK"], env["WORLD_SIZE"], env["LOCAL_RANK"]) == ("4", "5", "0")
    assert (env["HUTONG_PART"], env["HUTONG_PARTS"], env["HUTONG_TASKS"]) == ("1", "2", "5")
