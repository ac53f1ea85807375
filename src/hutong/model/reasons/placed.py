"""Why a placed job is where it is."""

from hutong.model.reasons.base import Reason


class BestCandidate(Reason, frozen=True, tag="placed.best"):
    """The best of the candidates for the job's objective."""

    objective: str
    candidates: int

    def sentence(self) -> str:
        return f"Best for {self.objective} of {self.candidates} pool(s) that could start it."


class BestOfMany(Reason, frozen=True, tag="placed.best_of_many"):
    """The best pool with room, in a cycle that placed so many jobs that not each was compared."""

    objective: str
    pools: int

    def sentence(self) -> str:
        return f"Best for {self.objective} with room now, of {self.pools} pool(s) that can run it."


class OnlyCandidate(Reason, frozen=True, tag="placed.only"):
    """The one pool that could start it."""

    def sentence(self) -> str:
        return "The only pool that could start it now."


PlaceReason = BestCandidate | BestOfMany | OnlyCandidate
