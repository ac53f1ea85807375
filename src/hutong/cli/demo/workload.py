"""What the demonstration hands in, and what must have become of each job."""

from typing import NamedTuple


class Expected(NamedTuple):
    """A job of the workload: its final state, and words that its log must hold."""

    state: str
    log: str = ""
    attempts: int = 1


FIRST = (
    "sweep.yaml",
    "allreduce.yaml",
    "pipeline.yaml",
    "kmeans.sbatch",
    "finetune-sky.yaml",
    "checksum-k8s.yaml",
    "needs-gb200.yaml",
    "flaky.yaml",
)
LATE = ("urgent.yaml",)
"""Handed in while the sweep still queues."""

SITES = ("beijing.yaml", "tianjin.yaml", "zhangjiakou.yaml")
WEIGHTS = {"robotics": 2, "campus": 1, "genomics": 1, "weather": 1}

JOBS = {
    "sweep": Expected("succeeded", "accuracy=", attempts=12),
    "allreduce": Expected("succeeded", "largest error of a weight"),
    "preprocess": Expected("succeeded", "labelled reads"),
    "train": Expected("succeeded", "learnt 400 reads"),
    "evaluate": Expected("succeeded", "accuracy"),
    "kmeans": Expected("succeeded", "means"),
    "finetune": Expected("succeeded", "loss"),
    "checksum": Expected("succeeded", "shard", attempts=4),
    "needs-gb200": Expected("queued", attempts=0),
    "flaky": Expected("succeeded", "it did this time", attempts=2),
    "urgent-forecast": Expected("succeeded", "forecast ready"),
}
CHAIN = ("preprocess", "train", "evaluate")
UNPLACEABLE = "needs-gb200"
RETRIED = "flaky"
ARRAY = "sweep"
URGENT = "urgent-forecast"
