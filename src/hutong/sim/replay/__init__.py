"""The replay engine: a workload through a world, by the very scheduler that runs live."""

from hutong.sim.replay.engine import Observer, Replay, replay

__all__ = ["Observer", "Replay", "replay"]
