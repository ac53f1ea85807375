"""What one attempt asks of its tenant's quotas and share, at one pool."""

from typing import NamedTuple

from hutong.model.resources import Amount


class Claim(NamedTuple):
    """What an attempt would hold of which chip, where, and what its run is expected to use.

    `model` is the catalogue's name of the chip, empty for none.
    """

    held: Amount
    model: str = ""
    site: str = ""
    region: str = ""
    run_ms: int = 0
    cost_microcny: int = 0

    @property
    def accelerator_milli_ms(self) -> int:
        """Expected accelerator time, thousandths of chips times milliseconds."""
        return self.held.accelerator_milli * self.run_ms
