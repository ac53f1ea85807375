from hutong.client.formats import to_yaml
from hutong.client.formats.writer import decimal, duration
from hutong.model.job import JobSpec, Program
from tests.unit.client.formats.support import one, script

FULL = """\
name: finetune
run: |
  #!/bin/bash
  torchrun train.py
setup: pip install -r requirements.txt
env:
  EPOCHS: '10'
files:
- as: train.py
  content: |
    print('hello')
workdir: /data/run
tenant: acme/vision
priority: high
tasks: 2
resources:
  cpus: 16
  memory: 64GiB
  accelerators:
  - A100-80GB:8
  - model: Ascend910B3
    count: 8
    speed: 0.8
frameworks:
- torch>=2.1
array:
  count: 5
  max_parallel: 2
time_limit: 2h30m
estimate: 45m
deadline: '2026-12-31T10:00:00Z'
budget: 120.5 CNY
grace: 30s
min_run: 10m
objective: cost
where:
  regions:
  - cn-beijing
  domestic: prefer
depends_on:
  afterok:
  - prep
retry:
  user: 2
  exit_codes:
  - 137
preemptible: false
exclusive: true
labels:
  team: ocr
"""


def test_a_job_that_says_everything_is_written_as_it_was_read() -> None:
    assert to_yaml(one(FULL)) == FULL


def test_a_plain_job_is_two_lines() -> None:
    assert to_yaml(JobSpec("a", Program(argv=("true",)))) == "name: a\ncommand:\n- 'true'\n"


def test_a_batch_script_shows_what_it_means_here() -> None:
    job = one(script("-J sweep", "-N 2 --ntasks-per-node=1 -c 8 --mem=16G -t 1:00:00", "-a 0-9%2"))
    assert to_yaml(job).partition("tasks:")[2].splitlines() == [
        " 2", "resources:", "  cpus: 8", "  memory: 16GiB", "array:", "  count: 10",
        "  max_parallel: 2", "time_limit: 1h",
    ]  # fmt: skip


def test_durations_and_decimals_are_written_exactly() -> None:
    assert duration(0) == "0s"
    assert duration(90_061_001) == "1d1h1m1s1ms"
    assert decimal(250, 1000) == "0.25"
    assert decimal(120_000_001, 1_000_000) == "120.000001"
