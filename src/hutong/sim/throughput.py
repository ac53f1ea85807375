"""How fast kinds of jobs run on kinds of chips, as somebody measured it."""

import msgspec


class ThroughputTable(msgspec.Struct, frozen=True):
    """`rates[kind, tasks][accelerator]` is in steps a second of the whole gang."""

    rates: dict[tuple[str, int], dict[str, float]]

    def rate(self, kind: str, tasks: int, accelerator: str) -> float | None:
        """Steps a second; None where nobody measured it, 0 where it does not run there."""
        row = self.rates.get((kind, tasks))
        return row.get(accelerator) if row is not None else None
