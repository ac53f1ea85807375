"""What a task needs and what a node has, in whole units."""

import msgspec


class AcceleratorNeed(msgspec.Struct, frozen=True, order=True):
    """One alternative: so many chips of one model, for one task.

    `count_milli` is in thousandths of a chip (1000 is one whole chip, 250 a quarter of one; above
    1000 only whole chips). `speed_milli` is the speed of this alternative relative to the job's
    own estimate (1000 is the speed the estimate was made for); None takes it from the catalogue.
    `model` is the catalogue's canonical name, or `any` for any chip at all.
    """

    model: str
    count_milli: int
    speed_milli: int | None = None


class FrameworkNeed(msgspec.Struct, frozen=True, order=True):
    """A framework or stack that a pool's nodes must carry, such as torch at least 2.1."""

    name: str
    at_least: str = ""


class TaskNeeds(msgspec.Struct, frozen=True):
    """What each task of a job needs. An empty `accelerators` means none at all.

    The alternatives are in the order of the user's preference.
    """

    cpu_milli: int = 1000
    memory_mib: int = 256
    accelerators: tuple[AcceleratorNeed, ...] = ()


class Amount(msgspec.Struct, frozen=True):
    """An amount of every resource, for sums, quotas and capacities."""

    cpu_milli: int = 0
    memory_mib: int = 0
    accelerator_milli: int = 0

    def plus(self, other: "Amount") -> "Amount":
        """Add, resource by resource."""
        return Amount(
            self.cpu_milli + other.cpu_milli,
            self.memory_mib + other.memory_mib,
            self.accelerator_milli + other.accelerator_milli,
        )

    def minus(self, other: "Amount") -> "Amount":
        """Subtract, resource by resource; may go below zero, which `validate()` looks for."""
        return Amount(
            self.cpu_milli - other.cpu_milli,
            self.memory_mib - other.memory_mib,
            self.accelerator_milli - other.accelerator_milli,
        )

    def times(self, count: int) -> "Amount":
        """Multiply every resource by a count of tasks."""
        return Amount(
            self.cpu_milli * count, self.memory_mib * count, self.accelerator_milli * count
        )

    def fits_in(self, other: "Amount") -> bool:
        """Say whether no resource of this amount exceeds the other's."""
        return (
            self.cpu_milli <= other.cpu_milli
            and self.memory_mib <= other.memory_mib
            and self.accelerator_milli <= other.accelerator_milli
        )

    def is_negative(self) -> bool:
        """Say whether any resource is below zero."""
        return min(self.cpu_milli, self.memory_mib, self.accelerator_milli) < 0
