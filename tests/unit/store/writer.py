"""A process that writes to a store until it is killed: `python -m tests.unit.store.writer PATH`.

It prints the position of each batch once `append` has returned.
"""

import sys
from pathlib import Path

from hutong.model.ids import job_id
from hutong.store.sqlite import SqliteStore
from tests.conformance.store_worlds import World

BATCH = 5


def main() -> None:
    store = SqliteStore(Path(sys.argv[1]))
    store.open()
    world = World()
    world.position = store.position()
    for number in range(1, world.position + 1):  # every entry so far accepted one job
        row = store.job(job_id(number))
        assert row is not None
        world.jobs[row.id] = row
    while True:
        for _ in range(BATCH):
            number = len(world.jobs) + 1
            world.accept(key=f"key-{number}", script="x" * (number % 7_000))
        store.append(world.take())
        sys.stdout.write(f"{store.position()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
