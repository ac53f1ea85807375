"""Predictors of run times that learn only from the past, and the score of how good they were.

`make_predictor(name)` makes one of `PREDICTORS`. The engine asks `predict` when a job is handed in,
`correct` when it outlived that, and tells `learn` when it ended: never before.
"""

from hutong.sim.predict.contract import Predictor
from hutong.sim.predict.registry import PREDICTORS, make_predictor
from hutong.sim.predict.score import Score

__all__ = ["PREDICTORS", "Predictor", "Score", "make_predictor"]
