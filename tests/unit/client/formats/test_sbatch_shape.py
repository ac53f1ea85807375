"""What nodes, tasks, CPUs, memory and chips of a batch script come to."""

import pytest

from hutong.model.job import Elastic
from hutong.model.resources import AcceleratorNeed, FrameworkNeed
from tests.unit.client.formats.support import one, parse, refusal, script, warned


@pytest.mark.parametrize(
    ("line", "tasks", "cpus"),
    [
        ("", 1, 1),
        ("-n 1", 1, 1),
        ("-n 8", 1, 8),
        ("-n 8 -c 2", 1, 16),
        ("-c 6", 1, 6),
        ("-N 1 -n 8", 1, 8),
        ("-N 1 --ntasks-per-node=8 -c 2", 1, 16),
        ("-N 4", 4, 1),
        ("-N 4 -c 8", 4, 8),
        ("-N 2-2", 2, 1),
        ("-N 2 -n 8 -c 3", 2, 12),
        ("-N 2 -n 8 --ntasks-per-node=4", 2, 4),
        ("-N 2 -n 8 --ntasks-per-node=8", 2, 4),
        ("-n 8 --ntasks-per-node=4", 2, 4),
        ("-n 2 --ntasks-per-node=4", 1, 2),
        ("-N 2 --ntasks-per-node=2", 2, 2),
        ("--mincpus=16 -c 4", 1, 16),
        ("--mincpus=2 -c 4", 1, 4),
        ("--gres=gpu:t4:4 --cpus-per-gpu=6", 1, 24),
    ],
)
def test_one_task_of_a_gang_is_a_node_and_holds_its_tasks_cpus(
    line: str, tasks: int, cpus: int
) -> None:
    job = one(script(line))
    assert (job.tasks, job.needs.cpu_milli) == (tasks, cpus * 1000)


@pytest.mark.parametrize(
    ("line", "mib"),
    [
        ("", 256),
        ("--mem=16G", 16 * 1024),
        ("--mem=512", 512),
        ("--mem=2048M", 2048),
        ("--mem=1T", 1024**2),
        ("--mem=1500K", 2),
        ("--mem=4GB", 4096),
        ("--mem=16G -n 8", 16 * 1024),
        ("--mem=16G -N 2", 16 * 1024),
        ("--mem-per-cpu=2G -n 4 -c 2", 16 * 1024),
        ("--mem-per-gpu=32G --gres=gpu:t4:2", 64 * 1024),
        ("--mem=0 --exclusive", 256),
    ],
)
def test_memory_is_what_a_node_gets(line: str, mib: int) -> None:
    assert one(script(line)).needs.memory_mib == mib


@pytest.mark.parametrize(
    ("line", "model", "count"),
    [
        ("--gres=gpu:t4:2", "T4", 2),
        ("--gres=gpu:t4", "T4", 1),
        ("--gres=gpu:tesla_t4:2", "T4", 2),
        ("--gres=gres/gpu:t4:2", "T4", 2),
        ("--gres=npu:910b3:8", "Ascend910B3", 8),
        ("--gres=dcu:k100-ai:4", "DCU-K100-AI", 4),
        ("--gres=mlu:mlu370-x8:8", "MLU370-X8", 8),
        ("--gpus=t4:2", "T4", 2),
        ("-G t4:4 -N 2", "T4", 2),
        ("--gpus-per-node=t4:2 -N 2", "T4", 2),
        ("--gpus-per-task=t4:1 -n 4", "T4", 4),
        ("--gpus-per-task=t4:2 -N 2 -n 4", "T4", 4),
        ("--gres=gpu:t4:2 --gpus-per-node=t4:2", "T4", 2),
    ],
)
def test_chips_are_what_a_node_gets(line: str, model: str, count: int) -> None:
    assert one(script(line)).needs.accelerators == (AcceleratorNeed(model, count * 1000),)


@pytest.mark.parametrize(
    ("line", "stack", "count"),
    [
        ("--gres=gpu:2", "cuda", 2), ("--gres=gpu", "cuda", 1), ("--gpus=4", "cuda", 4),
        ("--gres=npu:8", "cann", 8), ("--gres=mlu:2", "neuware", 2), ("--gres=dcu:4", "dtk", 4),
        ("--gres=xpu:1", "xpu", 1), ("--gres=gcu:1", "topsrider", 1),
    ],
)  # fmt: skip
def test_chips_without_a_model_are_any_that_carry_the_stack(
    line: str, stack: str, count: int
) -> None:
    parsed = parse(script(f"{line} -c 8 --mem=32G"))
    assert parsed.jobs[0].needs.accelerators == (AcceleratorNeed("any", count * 1000),)
    assert parsed.jobs[0].frameworks == (FrameworkNeed(stack),)
    ((number, word),) = warned(parsed)
    assert (number, word) == (2, line)
    assert stack in parsed.warnings[0].sentence


@pytest.mark.parametrize(
    ("line", "key", "problem"),
    [
        ("-N 4-2", "--nodes", "the range runs backwards"),
        ("-N 2-x", "--nodes", "it is not a plain number"),
        ("-N 2-4 -n 8", "--ntasks", "leaves open how many nodes share it"),
        ("-N 2-4 --ntasks-per-node=2", "--ntasks-per-node", "leaves open how many nodes share it"),
        ("-N 2-4 --gpus=8", "--gpus", "leaves open how many nodes share it"),
        ("-N 0", "--nodes", "it is less than 1"),
        ("-N 2,4", "--nodes", "it is not a plain number"),
        ("-N 5000", "--nodes", "the limit is 4096"),
        ("-n 0", "--ntasks", "it is less than 1"),
        ("-n -1", "--ntasks", "it is negative"),
        ("-n 99999999999999999999", "--ntasks", "the number is too large"),
        ("-n 5 -N 2", "--ntasks", "it does not divide evenly over 2 nodes"),
        ("-n 2 -N 4", "--ntasks", "it is less than the 4 nodes"),
        ("-n 8 -N 2 --ntasks-per-node=2", "--ntasks", "more than --ntasks-per-node=2 allows"),
        ("-n 9 --ntasks-per-node=4", "--ntasks", "it is no multiple of --ntasks-per-node=4"),
        ("-n 9000 --ntasks-per-node=1", "--ntasks", "it makes 9000 nodes; the limit is 4096"),
        ("-n 2000", "--ntasks", "it makes 2000 CPUs a node; the limit is 1024"),
        ("-c 0", "--cpus-per-task", "it is less than 1"),
        ("-c 2000", "--cpus-per-task", "the limit is 1024"),
        ("-c 2 --cpus-per-gpu=2 -G 1", "--cpus-per-gpu", "`--cpus-per-task` is said as well"),
        ("--cpus-per-gpu=2", "--cpus-per-gpu", "no chips are asked for"),
        ("--mem=0", "--mem", "all memory of a node is no amount"),
        ("--mem=-1", "--mem", "it is not an amount of memory"),
        ("--mem=16X", "--mem", "it is not an amount of memory"),
        ("--mem=99999999T", "--mem", "the limit is 64 TiB"),
        ("--mem=1G --mem-per-cpu=1G", "--mem-per-cpu", "`--mem` is said as well"),
        ("--mem-per-gpu=1G", "--mem-per-gpu", "no chips are asked for"),
        ("--gpus=3 -N 2", "--gpus", "it does not divide evenly over 2 nodes"),
        ("--gpus=t4:1,a100:1", "--gpus", "a task takes one kind of chip"),
        ("--gres=gpu:1,npu:1", "--gres", "a task takes one kind of chip"),
        ("--gpus=0", "--gpus", "it is less than 1"),
        ("--gres=gpu:t4:x", "--gres", "it is not a kind, a model and a number"),
        ("--gres=gpu:t4:2:3", "--gres", "it is not a kind, a model and a number"),
        ("--gres=gpu:2000", "--gres", "it makes 2000 chips a node; the limit is 1024"),
        ("--gres=gpu:t4:1 --gpus=2", "--gpus", "`--gres=gpu:t4:1` in line 2 says something else"),
    ],
)
def test_what_does_not_add_up_is_refused(line: str, key: str, problem: str) -> None:
    error = refusal(script(line))
    assert error.code == "file.bad_value"
    assert error.facts["line"] == 2
    assert error.facts["key"] == key
    assert problem in error.message


@pytest.mark.parametrize(
    ("line", "word", "advice"),
    [
        ("--gres=gpu:a900:2", "a900", "`A30`"),
        ("--gres=shard:4", "shard:4", "It counts gpu, npu, mlu, dcu, xpu, gcu"),
        ("--gres=nvme:1", "nvme:1", "It counts gpu, npu"),
    ],
)
def test_unknown_chips_are_refused_by_their_word(line: str, word: str, advice: str) -> None:
    error = refusal(script("-n 1", line))
    assert (error.code, error.facts["line"], error.facts["word"]) == ("file.unsupported", 3, word)
    assert advice.split("`", maxsplit=1)[0] in error.hint


def test_a_script_sees_how_many_of_slurms_tasks_share_its_node() -> None:
    job = one(script("-N 2 -n 8 -c 3"))
    assert job.program.env == {
        "SLURM_NNODES": "2",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NTASKS": "8",
        "SLURM_NPROCS": "8",
        "SLURM_NTASKS_PER_NODE": "4",
        "SLURM_TASKS_PER_NODE": "4(x2)",
        "SLURM_CPUS_PER_TASK": "3",
    }
    assert one(script("-N 2 -c 3")).program.env["SLURM_TASKS_PER_NODE"] == "1(x2)"
    assert one(script("-c 3")).program.env == {}
    assert one(script("-n 4")).program.env["SLURM_TASKS_PER_NODE"] == "4"


def test_a_number_that_two_tasks_may_share_is_warned_of() -> None:
    body = "torchrun --node_rank=$SLURM_NODEID /data/train.py"
    assert (3, "SLURM_NODEID") in warned(parse(script("-N 2", body=body)))
    assert not warned(parse(script(body=body)))


def test_a_gang_is_warned_that_the_script_starts_on_every_node() -> None:
    parsed = parse(script("-N 2"))
    assert warned(parsed) == [(2, "-N 2")]
    assert "on each of 2 nodes" in parsed.warnings[0].sentence


def test_a_range_of_nodes_is_a_gang_that_may_be_smaller() -> None:
    parsed = parse(script("-N 4-16 --gpus-per-node=a100:8", body="run $SLURM_JOB_NUM_NODES"))
    (job,) = parsed.jobs
    assert (job.tasks, job.elastic, job.program.env) == (16, Elastic(4), {})
    assert (3, "SLURM_JOB_NUM_NODES") in warned(parsed)
    assert one(script("-N 4-4")).elastic is None
