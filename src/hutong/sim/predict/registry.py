"""The predictors by name."""

from collections.abc import Callable

from hutong.model.errors import refuse
from hutong.sim.predict.contract import Predictor
from hutong.sim.predict.history import History
from hutong.sim.predict.plain import LastTwo, Limits, Said

PREDICTORS: dict[str, Callable[[], Predictor]] = {
    "user": Said,
    "limits": Limits,
    "last-two": LastTwo,
    "history": History,
}


def make_predictor(name: str) -> Predictor:
    """Make a predictor that has learnt nothing yet.

    Raises `HutongError` `predictor.unknown`.
    """
    make = PREDICTORS.get(name)
    if make is None:
        raise refuse("predictor.unknown", name=name, names=", ".join(PREDICTORS))
    return make()
