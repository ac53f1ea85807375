"""What is kept of a pool's ends between cycles is what would be worked out anew."""

from hutong.model.ids import AttemptId, PoolId
from hutong.scheduler.board import Board
from tests.unit.scheduler.worlds import MINUTE_MS, World


def test_the_outlook_is_the_same_whether_sorted_anew_or_merged() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    columns = world.state.snapshot(0).supply.pools[PoolId("bj/gpu")]
    live: list[AttemptId] = []
    for step in range(60):
        world.now_ms += 7 * MINUTE_MS
        if step % 3 == 2 and live:
            world.end(live.pop(step % len(live)))
        elif columns.whole[step % 4]:
            node = f"bj/gpu-{step % 4}"
            live.append(world.runs(node, chips=1, ends_in_ms=(step * 37 % 90) * MINUTE_MS))
        if step % 11 == 5 and live:
            world.state.mark_stopping(live[0])
        merged = Board(world.now_ms).outlook(columns)
        columns.memo.clear()
        anew = Board(world.now_ms).outlook(columns)
        assert merged.times.tolist() == anew.times.tolist()
        assert merged.freed_in_all() == anew.freed_in_all()
        assert sorted(merged.column("row")) == sorted(anew.column("row"))
